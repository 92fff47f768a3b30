// JSON to the server and back through fetch, with retries. Nothing here knows what is sent.

import { ConnectionFailed, InvalidAnswer, fromAnswer } from "./errors.js";

const RETRIED = [429, 503];
const FIRST_PAUSE_MS = 250;

export interface ClientOptions {
  /** Sent as a bearer key. In a browser everybody can read it: give such a key a rate, or put a proxy in front. */
  apiKey?: string;
  /** Milliseconds until ConnectionFailed; 60 000 by default. */
  timeout?: number;
  /** How often 429, 503 and a broken connection are tried again; 3 by default, 0 for never. */
  retries?: number;
  /** Milliseconds that a retry waits at most, whatever Retry-After says; 30 000 by default. */
  maxPause?: number;
  /** Sent with every request, such as traceparent. */
  headers?: Record<string, string>;
  /** In the place of the global one. */
  fetch?: typeof fetch;
}

export interface Answer {
  body: unknown;
  requestId: string | null;
}

/** The header Retry-After in seconds: a number, or a date. Null when it is missing or is neither. */
export function retryAfterSeconds(value: string | null, now: number): number | null {
  if (!value) return null;
  const seconds = Number(value);
  if (!Number.isNaN(seconds)) return Math.max(0, seconds);
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, (date - now) / 1000);
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

interface Raw {
  status: number;
  headers: Headers;
  text: string;
}

export class Transport {
  readonly #base: string;
  readonly #headers: Record<string, string>;
  readonly #timeout: number;
  readonly retries: number;
  readonly #maxPause: number;
  readonly #fetch: typeof fetch;

  constructor(baseUrl: string, options: ClientOptions) {
    const url = new URL(baseUrl);
    if (url.protocol !== "http:" && url.protocol !== "https:")
      throw new TypeError(`baseUrl is ${baseUrl}; it must be like http://localhost:8080`);
    this.#base = url.origin + url.pathname.replace(/\/+$/, "");
    this.#headers = { Accept: "application/json", ...options.headers };
    if (options.apiKey !== undefined) this.#headers["Authorization"] = `Bearer ${options.apiKey}`;
    this.#timeout = options.timeout ?? 60_000;
    this.retries = options.retries ?? 3;
    this.#maxPause = options.maxPause ?? 30_000;
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
  }

  /** One exchange, whole: the time limit covers the body too. */
  async #send(
    method: string,
    path: string,
    body: string | undefined,
    type: string,
    signal: AbortSignal | undefined,
  ): Promise<Raw> {
    const limit = new AbortController();
    const stop = () => limit.abort(signal?.reason);
    const timer = setTimeout(() => limit.abort(new ConnectionFailed(`${path}: timed out`)), this.#timeout);
    signal?.addEventListener("abort", stop, { once: true });
    try {
      signal?.throwIfAborted();
      const headers = body === undefined ? this.#headers : { ...this.#headers, "Content-Type": type };
      const init: RequestInit = { method, headers, signal: limit.signal };
      if (body !== undefined) init.body = body;
      const answer = await this.#fetch(this.#base + path, init);
      return { status: answer.status, headers: answer.headers, text: await answer.text() };
    } catch (failed) {
      if (limit.signal.aborted) throw limit.signal.reason;
      throw failed;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  }

  /** What the server asked for, else twice as long each time, with some chance so that clients spread. */
  #pause(attempt: number, asked: number | null): number {
    const pause = asked === null ? FIRST_PAUSE_MS * 2 ** attempt : asked * 1000;
    return Math.min(pause, this.#maxPause) * (1 + 0.25 * Math.random());
  }

  /** Before something is tried again that was refused inside of an answer. */
  pause(attempt: number, signal?: AbortSignal): Promise<void> {
    return sleep(this.#pause(attempt, null), signal);
  }

  async call(method: string, path: string, payload?: unknown, signal?: AbortSignal): Promise<Answer> {
    const body = payload === undefined ? undefined : JSON.stringify(payload);
    const { raw, asked } = await this.#repeat(method, path, body, "application/json", signal);
    return this.#read(path, raw, asked);
  }

  /** The same in NDJSON: a value a line, there and back. */
  async callLines(path: string, lines: readonly unknown[], signal?: AbortSignal): Promise<unknown[]> {
    const body = lines.map((line) => JSON.stringify(line) + "\n").join("");
    const { raw, asked } = await this.#repeat("POST", path, body, "application/x-ndjson", signal);
    if (raw.status >= 400) this.#read(path, raw, asked);
    try {
      return raw.text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as unknown);
    } catch (failed) {
      throw new InvalidAnswer(`${this.#base}${path}: the answer is not NDJSON`, { cause: failed });
    }
  }

  async #repeat(
    method: string,
    path: string,
    body: string | undefined,
    type: string,
    signal: AbortSignal | undefined,
  ): Promise<{ raw: Raw; asked: number | null }> {
    for (let attempt = 0; ; attempt++) {
      let asked: number | null = null;
      try {
        const raw = await this.#send(method, path, body, type, signal);
        asked = retryAfterSeconds(raw.headers.get("Retry-After"), Date.now());
        if (!RETRIED.includes(raw.status) || attempt >= this.retries) return { raw, asked };
      } catch (failed) {
        // fetch rejects with a TypeError when there was no answer; a timeout is not repeated.
        if (!(failed instanceof TypeError)) throw failed;
        if (attempt >= this.retries) {
          const why = failed.cause instanceof Error ? `: ${failed.cause.message}` : "";
          throw new ConnectionFailed(`${this.#base}${path}: ${failed.message}${why}`, { cause: failed });
        }
      }
      await sleep(this.#pause(attempt, asked), signal);
    }
  }

  #read(path: string, raw: Raw, asked: number | null): Answer {
    const requestId = raw.headers.get("x-request-id");
    let body: unknown;
    try {
      body = raw.text === "" ? null : JSON.parse(raw.text);
    } catch (failed) {
      if (raw.status < 400)
        throw new InvalidAnswer(`${this.#base}${path}: the answer is not JSON`, { cause: failed });
    }
    if (raw.status >= 400) throw fromAnswer(raw.status, body, requestId, asked);
    return { body, requestId };
  }
}
