"""What can go wrong, by what a caller can do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


class RosimError(Exception):
    """The base of every error of this package."""


class ConnectionFailed(RosimError):
    """No answer came: nobody listens, the connection broke, or it took longer than `timeout`."""


class InvalidAnswer(RosimError):
    """What came back is not an answer of rosim: the URL probably points at something else."""


class ApiError(RosimError):
    """The server refused. The text of the exception names the field, the limit and the value.

    status      of HTTP
    code        of rosim, such as "empty_input"; compare this one
    param       what of the request was wrong, such as "pairs[3].a", or None
    request_id  to be looked up in the server's log
    retry_after seconds that the server asked to wait, or None
    """

    def __init__(
        self, status: int, code: str, message: str, param: str | None, request_id: str | None, retry_after: float | None
    ) -> None:
        """Composes the text from its parts."""
        super().__init__(f"{message} (status {status}, code {code}, request {request_id})")
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.request_id = request_id
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[type[ApiError], tuple[object, ...]]:
        """Survives the way through a process pool."""
        return type(self), (self.status, self.code, self.message, self.param, self.request_id, self.retry_after)


class InvalidRequest(ApiError):
    """The request itself is wrong (400, 413, 415, 422 ...): sending it again gives the same answer."""


class NotAllowed(ApiError):
    """The key is missing, unknown, or not good for that model (401, 403)."""


class NotFound(ApiError):
    """There is no such model, calibration or path (404)."""


class Overloaded(ApiError):
    """Too much at once (429), or full, starting or stopping (503), still so after every retry."""


class DeadlineExceeded(ApiError):
    """Not computed within `timeout_ms`, or within the server's own deadline (504)."""


class ServerFault(ApiError):
    """The server is at fault (any other 5xx)."""


_BY_STATUS: dict[int, type[ApiError]] = {
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    429: Overloaded,
    503: Overloaded,
    504: DeadlineExceeded,
}


_STATUS_OF_CODE = {
    "model_not_found": 404,
    "rate_limited": 429,
    "overloaded": 503,
    "draining": 503,
    "not_ready": 503,
    "out_of_memory": 503,
    "deadline_exceeded": 504,
    "internal": 500,
}


def from_line(error: Mapping[str, Any]) -> ApiError:
    """The exception for the error of one NDJSON line, whose status is that of its code."""
    status = _STATUS_OF_CODE.get(error["code"], 422)
    return from_answer(status, {"error": error}, None, None)


def from_answer(status: int, body: Any, request_id: str | None, retry_after: float | None) -> ApiError:
    """The exception for an answer, in rosim's shape, OpenAI's, or that of a proxy in between."""
    fields: Mapping[str, Any] = body if isinstance(body, dict) else {}
    error = fields.get("error")
    told: Mapping[str, Any] = error if isinstance(error, dict) else {}
    kind = _BY_STATUS.get(status, ServerFault if status >= 500 else InvalidRequest)
    return kind(
        status,
        str(told.get("code") or "unknown"),
        str(told.get("message") or error or f"status {status} without a reason"),
        told.get("param"),
        told.get("request_id") or request_id,
        retry_after,
    )


def renamed(error: ApiError, field: str, *, by: int = 0, at: int | None = None, to: str | None = None) -> ApiError:
    """The same error under the index that the caller knows: of the whole input, not of the batch that was sent."""

    def shift(found: re.Match[str]) -> str:
        return f"{to or field}[{int(found.group(1)) + by if at is None else at}]"

    name = re.compile(rf"\b{field}\[(\d+)\]")
    param = name.sub(shift, error.param) if error.param else None
    message = name.sub(shift, error.message)
    return type(error)(error.status, error.code, message, param, error.request_id, error.retry_after)
