// Every method is one request, save embed and stream, which send as many as needed.

import { parsed, told, vectorFromBase64 } from "./answers.js";
import type {
  Calibration,
  CalibrationOptions,
  DedupOptions,
  Duplicates,
  Matrix,
  Model,
  NearestOptions,
  Neighbours,
  Options,
  RankOptions,
  Ranking,
  ScoreOptions,
  Similarity,
} from "./answers.js";
import { ApiError, InvalidAnswer, InvalidRequest, Overloaded, fromLine, renamed } from "./errors.js";
import { reporter } from "./progress.js";
import type { Progress } from "./progress.js";
import { Transport } from "./transport.js";
import type { ClientOptions } from "./transport.js";

export type Pair = readonly [a: string, b: string];
export type LabelledPair = readonly [a: string, b: string, label: 0 | 1 | null];

/** One pair of a stream: a score, or the error that says why there is none. */
export interface Scored {
  index: number;
  /** NaN beside an error. */
  score: number;
  probability?: number;
  error?: ApiError;
}

export interface StreamOptions extends ScoreOptions {
  /** Pairs a request; 256 by default. */
  batch?: number;
  /** Requests at once; 2 by default. */
  inFlight?: number;
  /** A function that is told, or true: a bar on the terminal of a Node program. */
  progress?: boolean | ((progress: Progress) => void);
}

const BATCH = 256;
const IN_FLIGHT = 2;

function several(name: string, texts: readonly string[]): readonly string[] {
  if (typeof texts === "string") throw new TypeError(`${name} must be an array of strings, not a string`);
  return texts;
}

function idOf(id: string): string {
  if (!/^[A-Za-z0-9._-]+$/.test(id)) throw new TypeError(`id is "${id}"; it must be of a-z A-Z 0-9 . _ -`);
  return id;
}

/** What NDJSON does not take. */
const JSON_ONLY: (keyof ScoreOptions)[] = ["calibration", "prior", "adapter", "allow_untrained"];

function isOfItsLine(refused: ApiError): boolean {
  return refused instanceof InvalidRequest && (refused.param === null || refused.param.startsWith("line["));
}

/**
 * Puts into out what NDJSON lines say about the pairs asked; line 1 was the options, so that pairs begin at 2. An error
 * about its line is that pair's. Any other (options, overload) is everybody's, and returned.
 */
function takeLines(lines: unknown[], asked: number[], first: number, out: Scored[]): ApiError | undefined {
  for (const line of lines as { line?: number; score?: number; error?: { code: string } }[]) {
    const refused = line.error ? fromLine(line.error) : undefined;
    if (refused && !(line.line !== 1 && isOfItsLine(refused))) return refused;
    const place = asked[(line.line ?? 0) - 2];
    if (place === undefined || (!refused && typeof line.score !== "number"))
      throw new InvalidAnswer("a line is not one of rosim's");
    const index = first + place;
    if (refused) out[place] = { index, score: NaN, error: renamed(refused, "line", () => index, "pairs") };
    else out[place] = { index, score: line.score as number };
  }
  return undefined;
}

export class Client {
  readonly #transport: Transport;

  /** baseUrl is the server's, such as http://localhost:8080. */
  constructor(baseUrl: string, options: ClientOptions = {}) {
    this.#transport = new Transport(baseUrl, options);
  }

  #post(path: string, body: object, { signal, ...options }: Options) {
    return this.#transport.call("POST", path, { ...options, ...body }, signal);
  }

  // ---- similarity, in three forms ----

  /** The score of two texts, and nothing else. */
  async similarity(a: string, b: string, options: ScoreOptions = {}): Promise<number> {
    return (await this.pairs([[a, b]], options)).scores[0]!;
  }

  /** Each pair's score. */
  async pairs(pairs: readonly Pair[], options: ScoreOptions = {}): Promise<Similarity> {
    return told<Similarity>(await this.#post("/v1/similarity", { pairs }, options), "scores", "usage");
  }

  /** One text against many. */
  async oneToMany(source: string, sentences: readonly string[], options: ScoreOptions = {}): Promise<Similarity> {
    const form = { source, sentences: several("sentences", sentences) };
    return told<Similarity>(await this.#post("/v1/similarity", form, options), "scores", "usage");
  }

  /** Every left text against every right one. */
  async matrix(left: readonly string[], right: readonly string[], options: ScoreOptions = {}): Promise<Matrix> {
    const form = { left: several("left", left), right: several("right", right) };
    return told<Matrix>(await this.#post("/v1/similarity", form, options), "scores", "usage");
  }

  /** For every left text its best right ones: at most top_k, of at least threshold. */
  async nearest(left: readonly string[], right: readonly string[], options: NearestOptions): Promise<Neighbours> {
    if (options.top_k === undefined && options.threshold === undefined)
      throw new TypeError("nearest needs top_k, threshold or both");
    const form = { left: several("left", left), right: several("right", right) };
    return told<Neighbours>(await this.#post("/v1/similarity", form, options), "scores", "usage");
  }

  // ---- vectors and what is made of them ----

  /** Unit vectors. Any number of texts; the same bytes whatever the batch. */
  async embed(texts: readonly string[], options: Options & { batch?: number } = {}): Promise<Float32Array[]> {
    const { batch = BATCH, ...rest } = options;
    const vectors: Float32Array[] = [];
    several("texts", texts);
    if (texts.length === 0) throw new TypeError("texts is empty");
    for (let start = 0; start < texts.length; start += batch) {
      const body = { encoding_format: "base64", input: texts.slice(start, start + batch) };
      try {
        const answer = await this.#post("/v1/embeddings", body, rest);
        const { data } = parsed<{ data: { embedding: string }[] }>(answer, "data");
        vectors.push(...data.map((row) => vectorFromBase64(row.embedding)));
      } catch (failed) {
        if (failed instanceof ApiError) throw renamed(failed, "input", (i) => i + start);
        if (failed instanceof TypeError) throw new InvalidAnswer("not vectors of rosim", { cause: failed });
        throw failed;
      }
    }
    return vectors;
  }

  /** Candidates, best first, with margins that go on growing where a softmax reads 1.000. */
  async rank(query: string, candidates: readonly string[], options: RankOptions = {}): Promise<Ranking> {
    const form = { query, candidates: several("candidates", candidates) };
    return told<Ranking>(await this.#post("/v1/rank", form, options), "results", "usage");
  }

  /** Groups of near-duplicates, one request: as many texts as the server takes in one. */
  async dedup(texts: readonly string[], options: DedupOptions = {}): Promise<Duplicates> {
    const form = { texts: several("texts", texts) };
    return told<Duplicates>(await this.#post("/v1/dedup", form, options), "groups", "keep");
  }

  // ---- calibrations ----

  /** Probabilities from labelled pairs: 1 they match, 0 they do not, null unknown. Then name its id in a call. */
  async calibrate(pairs: readonly LabelledPair[], options: CalibrationOptions = {}): Promise<Calibration> {
    return parsed<Calibration>(await this.#post("/v1/calibrations", { pairs }, options), "id", "matches");
  }

  async calibrations(): Promise<Calibration[]> {
    return parsed<{ data: Calibration[] }>(await this.#transport.call("GET", "/v1/calibrations"), "data").data;
  }

  async calibration(id: string): Promise<Calibration> {
    return parsed<Calibration>(await this.#transport.call("GET", `/v1/calibrations/${idOf(id)}`), "id");
  }

  async deleteCalibration(id: string): Promise<void> {
    await this.#transport.call("DELETE", `/v1/calibrations/${idOf(id)}`);
  }

  /** What is served; the first one is the default. */
  async models(): Promise<Model[]> {
    return parsed<{ data: Model[] }>(await this.#transport.call("GET", "/v1/models"), "data").data;
  }

  // ---- bulk ----

  /**
   * The score of every pair, in order, for any number of them: at most batch * inFlight pairs are in memory, and the
   * next are taken only as scores are. A pair that the server refuses comes back with its error; the others of its
   * batch are scored. Whatever stops the whole (no server, no key) is thrown.
   */
  async *stream(
    pairs: Iterable<Pair> | AsyncIterable<Pair>,
    options: StreamOptions = {},
  ): AsyncGenerator<Scored, void, undefined> {
    const { batch = BATCH, inFlight = IN_FLIGHT, progress = false, signal, ...rest } = options;
    if (batch < 1 || inFlight < 1) throw new TypeError("batch and inFlight must be at least 1");
    const left = new AbortController();
    const stop = () => left.abort(signal?.reason);
    const report = reporter(progress, Array.isArray(pairs) ? pairs.length : undefined);
    const source = batches(pairs, batch);
    const waiting: Promise<Scored[]>[] = [];
    let sent = 0, done = 0;
    signal?.addEventListener("abort", stop, { once: true });
    try {
      signal?.throwIfAborted();
      for (;;) {
        while (waiting.length < inFlight) {
          const next = await source.next();
          if (next.done) break;
          const scored = this.#scoreBatch(next.value, sent, { ...rest, signal: left.signal });
          scored.catch(() => undefined);  // whoever awaits it sees the failure; until then nobody may be told
          waiting.push(scored);
          sent += next.value.length;
        }
        const first = waiting.shift();
        if (!first) break;
        const scored = await first;
        done += scored.length;
        report(done);
        yield* scored;
      }
      report(done, true);
    } finally {
      signal?.removeEventListener("abort", stop);
      left.abort();  // what is still on its way for a stream that was left
      await source.return(undefined);
    }
  }

  /** In NDJSON, where a bad pair is an error of its own; in JSON what NDJSON does not take. */
  async #scoreBatch(batch: readonly Pair[], first: number, options: ScoreOptions): Promise<Scored[]> {
    if (JSON_ONLY.some((name) => options[name] !== undefined)) return this.#scoreInJson(batch, first, options);
    const { signal, ...rest } = options;
    const out = new Array<Scored>(batch.length);
    let left = batch.map((_, i) => i);
    for (let attempt = 0; ; attempt++) {
      const lines = [{ options: rest }, ...left.map((i) => batch[i])];
      const refused = takeLines(await this.#transport.callLines("/v1/similarity", lines, signal), left, first, out);
      left = left.filter((i) => !(i in out));
      if (left.length === 0) return out;
      if (!(refused instanceof Overloaded) || attempt >= this.#transport.retries)
        throw refused ?? new InvalidAnswer("the answer lacks lines");
      await this.#transport.pause(attempt, signal);
    }
  }

  /** Leaves out a pair that is refused by name, and asks again for the rest. */
  async #scoreInJson(batch: readonly Pair[], first: number, options: ScoreOptions): Promise<Scored[]> {
    const out = new Array<Scored>(batch.length);
    const left = batch.map((_, i) => i);
    while (left.length > 0) {
      try {
        const found = await this.pairs(left.map((i) => batch[i]!), options);
        left.forEach((i, place) => {
          out[i] = { index: first + i, score: found.scores[place]! };
          if (found.probabilities) out[i].probability = found.probabilities[place]!;
        });
        break;
      } catch (failed) {
        const named = failed instanceof InvalidRequest ? /^pairs\[(\d+)\]/.exec(failed.param ?? "") : null;
        if (!named) throw failed;
        const bad = left.splice(Number(named[1]), 1)[0]!;
        const error = renamed(failed as ApiError, "pairs", () => first + bad);
        out[bad] = { index: first + bad, score: NaN, error };
      }
    }
    return out;
  }
}

async function* batches(pairs: Iterable<Pair> | AsyncIterable<Pair>, size: number): AsyncGenerator<Pair[], void> {
  let batch: Pair[] = [];
  for await (const pair of pairs) {
    batch.push(pair);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
