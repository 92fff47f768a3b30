// What can go wrong, by what a caller can do about it.

/** The base of every error of this package. A request that was aborted rejects with the signal's reason instead. */
export class RosimError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options as ErrorOptions);
    this.name = new.target.name;
  }
}

/** No answer came: nobody listens, the connection broke, the browser forbade it (CORS), or it took too long. */
export class ConnectionFailed extends RosimError {}

/** What came back is not an answer of rosim: the URL probably points at something else. */
export class InvalidAnswer extends RosimError {}

export interface Refusal {
  /** Of HTTP. */
  status: number;
  /** Of rosim, such as "empty_input"; compare this one. */
  code: string;
  /** Names the field, the limit and the value. */
  reason: string;
  /** What of the request was wrong, such as "pairs[3].a". */
  param: string | null;
  /** To be looked up in the server's log. */
  requestId: string | null;
  /** Seconds that the server asked to wait. */
  retryAfter: number | null;
}

/** The server refused. */
export class ApiError extends RosimError implements Refusal {
  readonly status: number;
  readonly code: string;
  readonly reason: string;
  readonly param: string | null;
  readonly requestId: string | null;
  readonly retryAfter: number | null;

  constructor(refusal: Refusal) {
    super(`${refusal.reason} (status ${refusal.status}, code ${refusal.code}, request ${refusal.requestId})`);
    this.status = refusal.status;
    this.code = refusal.code;
    this.reason = refusal.reason;
    this.param = refusal.param;
    this.requestId = refusal.requestId;
    this.retryAfter = refusal.retryAfter;
  }
}

/** The request itself is wrong (400, 413, 415, 422 ...): sending it again gives the same answer. */
export class InvalidRequest extends ApiError {}
/** The key is missing, unknown, or not good for that model (401, 403). */
export class NotAllowed extends ApiError {}
/** There is no such model, calibration or path (404). */
export class NotFound extends ApiError {}
/** Too much at once (429), or full, starting or stopping (503), still so after every retry. */
export class Overloaded extends ApiError {}
/** Not computed within timeout_ms, or within the server's own deadline (504). */
export class DeadlineExceeded extends ApiError {}
/** The server is at fault (any other 5xx). */
export class ServerFault extends ApiError {}

const byStatus: Record<number, new (refusal: Refusal) => ApiError> = {
  401: NotAllowed,
  403: NotAllowed,
  404: NotFound,
  429: Overloaded,
  503: Overloaded,
  504: DeadlineExceeded,
};

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** The error for an answer, in rosim's shape, OpenAI's, or that of a proxy in between. */
export function fromAnswer(
  status: number,
  body: unknown,
  requestId: string | null,
  retryAfter: number | null,
): ApiError {
  const error = record(body)["error"];
  const told = record(error);
  const kind = byStatus[status] ?? (status >= 500 ? ServerFault : InvalidRequest);
  return new kind({
    status,
    code: text(told["code"]) ?? "unknown",
    reason: text(told["message"]) ?? text(error) ?? `status ${status} without a reason`,
    param: text(told["param"]),
    requestId: text(told["request_id"]) ?? requestId,
    retryAfter,
  });
}

const statusOfCode: Record<string, number> = {
  model_not_found: 404,
  rate_limited: 429,
  overloaded: 503,
  draining: 503,
  not_ready: 503,
  out_of_memory: 503,
  deadline_exceeded: 504,
  internal: 500,
};

/** The error of one NDJSON line, whose status is that of its code. */
export function fromLine(error: { code: string }): ApiError {
  return fromAnswer(statusOfCode[error.code] ?? 422, { error }, null, null);
}

/** The same error under the index that the caller knows: of the whole input, not of the batch that was sent. */
export function renamed(error: ApiError, field: string, index: (sent: number) => number, to = field): ApiError {
  const shift = (text: string) =>
    text.replace(new RegExp(`\\b${field}\\[(\\d+)\\]`, "g"), (_, n: string) => `${to}[${index(Number(n))}]`);
  const kind = error.constructor as new (refusal: Refusal) => ApiError;
  const { status, code, requestId, retryAfter } = error;
  const param = error.param === null ? null : shift(error.param);
  return new kind({ status, code, reason: shift(error.reason), param, requestId, retryAfter });
}
