"""Bytes to the server and back: connections that are kept, retries, and a way to give up from another thread.

Built on http.client of the standard library: it is everywhere, it needs no updates of its own, and one JSON body there
and one back is all that rosim needs. There is no HTTP/2, no proxy and no redirect, as there is none in rosim.
"""

from __future__ import annotations

import contextlib
import contextvars
import email.utils
import http.client
import json
import random
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .errors import ConnectionFailed, InvalidAnswer, RosimError, from_answer

RETRIED = (429, 503)
FIRST_PAUSE_S = 0.25
KEPT_IDLE_S = 30.0  # below the server's own idle timeout, mostly; a stale one is noticed and replaced


class Cancelled(RosimError):
    """Given up by the caller."""


class Abort:
    """Ends requests from another thread: their connections are shut, so that the server drops the work."""

    def __init__(self) -> None:
        """Nothing to end yet."""
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._held: list[http.client.HTTPConnection] = []

    def hold(self, connection: http.client.HTTPConnection) -> None:
        """A connection in use now. Raises Cancelled when it is too late."""
        with self._lock:
            if self._wanted.is_set():
                raise Cancelled("the request was given up")
            self._held.append(connection)

    def release(self, connection: http.client.HTTPConnection) -> None:
        """It is out of use; fine when it was never held."""
        with self._lock:
            self._held = [held for held in self._held if held is not connection]

    def now(self) -> None:
        """From any thread."""
        with self._lock:
            self._wanted.set()
            for held in self._held:
                if held.sock:
                    with contextlib.suppress(OSError):
                        held.sock.shutdown(socket.SHUT_RDWR)

    @property
    def wanted(self) -> bool:
        """Whether now() was called."""
        return self._wanted.is_set()

    def sleep(self, seconds: float) -> None:
        """Waits, unless given up."""
        if self._wanted.wait(seconds):
            raise Cancelled("the request was given up")


current_abort: contextvars.ContextVar[Abort | None] = contextvars.ContextVar("rosim_abort", default=None)


@dataclass(frozen=True)
class Answer:
    """A status below 400, its parsed body, and the id under which the server logged it."""

    body: Any
    request_id: str | None


@dataclass(frozen=True)
class _Raw:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def retry_after_seconds(value: str | None, now: float) -> float | None:
    """The header Retry-After: seconds, or a date. None when it is missing or is neither."""
    if not value:
        return None
    with contextlib.suppress(ValueError):
        return max(0.0, float(value))
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now)
    except (TypeError, ValueError):
        return None


class Transport:
    """Thread-safe. One connection for each request that runs at the same time, kept for the next one."""

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        timeout: float,
        retries: int,
        max_pause: float,
        tls: ssl.SSLContext | None,
        headers: dict[str, str] | None,
    ) -> None:
        """See Client."""
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"base_url is {base_url!r}; it must be like http://localhost:8080")
        if api_key is not None and not api_key.isprintable():
            raise ValueError("api_key holds a character that no header may have")
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port or (443 if self._secure else 80)
        self._prefix = parts.path.rstrip("/")
        self._timeout = timeout
        self.retries = retries
        self._max_pause = max_pause
        self._tls = tls or (ssl.create_default_context() if self._secure else None)
        self._headers = {"Accept": "application/json", "User-Agent": "rosim-client/0.1 python", **(headers or {})}
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._idle: list[tuple[float, http.client.HTTPConnection]] = []
        self._lock = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Closes the idle connections; those in use close when they are done."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    # ---- connections ----

    def _connect(self) -> http.client.HTTPConnection:
        if self._secure:
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._tls)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)

    def _take(self) -> http.client.HTTPConnection | None:
        with self._lock:
            if self._closed:
                raise RosimError("the client is closed")
            while self._idle:
                since, connection = self._idle.pop()
                if time.monotonic() - since < KEPT_IDLE_S:
                    return connection
                connection.close()
        return None

    def _give(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append((time.monotonic(), connection))
                return
        connection.close()

    # ---- one exchange ----

    def _exchange(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None, content_type: str
    ) -> _Raw:
        headers = {**self._headers, "Content-Type": content_type} if body is not None else self._headers
        abort = current_abort.get()
        try:
            if abort:
                abort.hold(connection)
            connection.request(method, self._prefix + path, body, headers)
            answer = connection.getresponse()
            raw = _Raw(answer.status, answer.headers, answer.read())
        except BaseException:
            connection.close()
            raise
        finally:
            if abort:
                abort.release(connection)
        if answer.will_close:
            connection.close()
        else:
            self._give(connection)
        return raw

    def _send(self, method: str, path: str, body: bytes | None, content_type: str) -> _Raw:
        """Once more at once when a kept connection turns out to have been closed by the other side meanwhile."""
        kept = self._take()
        if kept:
            try:
                return self._exchange(kept, method, path, body, content_type)
            except (http.client.BadStatusLine, BrokenPipeError, ConnectionError):
                abort = current_abort.get()
                if abort and abort.wanted:
                    raise
        return self._exchange(self._connect(), method, path, body, content_type)

    # ---- with retries ----

    def _pause(self, attempt: int, asked: float | None) -> float:
        """What the server asked for, else twice as long each time, with some chance so that clients spread."""
        pause = asked if asked is not None else FIRST_PAUSE_S * 2**attempt
        return min(pause, self._max_pause) * (1 + 0.25 * random.random())

    def pause(self, attempt: int) -> None:
        """Before something is tried again that was refused inside of an answer."""
        (current_abort.get() or Abort()).sleep(self._pause(attempt, None))

    def call(self, method: str, path: str, payload: object = None) -> Answer:
        """The answer to a JSON payload, or one of this package's errors."""
        body = None if payload is None else json.dumps(payload, ensure_ascii=False).encode()
        raw, asked = self._repeat(method, path, body, "application/json")
        return self._read(path, raw, asked)

    def call_lines(self, path: str, lines: Iterable[object]) -> list[Any]:
        """The same in NDJSON: a value a line, there and back."""
        body = b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)
        raw, asked = self._repeat("POST", path, body, "application/x-ndjson")
        if raw.status >= 400:
            self._read(path, raw, asked)
        try:
            return [json.loads(line) for line in raw.body.splitlines()]
        except ValueError as failed:
            raise InvalidAnswer(f"{self._host}:{self._port}{path}: the answer is not NDJSON") from failed

    def _repeat(self, method: str, path: str, body: bytes | None, content_type: str) -> tuple[_Raw, float | None]:
        abort = current_abort.get() or Abort()
        attempt = 0
        while True:
            asked = None
            try:
                raw = self._send(method, path, body, content_type)
            except (OSError, http.client.HTTPException) as failed:
                if abort.wanted:
                    raise Cancelled("the request was given up") from failed
                # A timeout is not repeated: the server may still be at work on it.
                if attempt >= self.retries or isinstance(failed, TimeoutError):
                    why = "timed out" if isinstance(failed, TimeoutError) else f"{type(failed).__name__}: {failed}"
                    raise ConnectionFailed(f"{self._host}:{self._port}{path}: {why}") from failed
            else:
                asked = retry_after_seconds(raw.headers.get("Retry-After"), time.time())
                if raw.status not in RETRIED or attempt >= self.retries:
                    return raw, asked
            abort.sleep(self._pause(attempt, asked))
            attempt += 1

    def _read(self, path: str, raw: _Raw, asked: float | None) -> Answer:
        request_id = raw.headers.get("x-request-id")
        try:
            body = json.loads(raw.body) if raw.body else None
        except ValueError as failed:
            if raw.status >= 400:
                raise from_answer(raw.status, None, request_id, asked) from failed
            raise InvalidAnswer(f"{self._host}:{self._port}{path}: the answer is not JSON") from failed
        if raw.status >= 400:
            raise from_answer(raw.status, body, request_id, asked)
        return Answer(body, request_id)
