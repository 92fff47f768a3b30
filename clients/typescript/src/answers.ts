// What goes in and what comes back.

import { InvalidAnswer } from "./errors.js";
import type { Answer } from "./transport.js";

/** What every call takes. Named as the server names them; its documentation says what each means. */
export interface Options {
  model?: string;
  attention?: "softmax" | "linear" | "auto";
  truncate?: "right" | "left" | "middle" | "none";
  max_length?: number;
  timeout_ms?: number;
  allow_untrained?: boolean;
  /** Gives the request up; the server drops its work too. */
  signal?: AbortSignal;
}

export interface ScoreOptions extends Options {
  metric?: "cosine" | "dot" | "euclidean";
  prompt_a?: string;
  prompt_b?: string;
  calibration?: string;
  prior?: number;
  adapter?: string;
}

export interface NearestOptions extends ScoreOptions {
  top_k?: number;
  threshold?: number;
}

export interface RankOptions extends Options {
  top_k?: number;
  abstain_below?: number;
  scale?: number;
  return_texts?: boolean;
  calibration?: string;
  prior?: number;
  adapter?: string;
}

export interface DedupOptions extends Options {
  threshold?: number;
  representative?: "central" | "first";
  return_texts?: boolean;
  adapter?: string;
}

export interface CalibrationOptions extends Options {
  id?: string;
  precision?: number;
  features?: "cos" | "cos+l1+l2";
  prior?: number;
  adapter?: string;
}

export interface Usage {
  texts: number;
  tokens: number;
  /** Inputs that were longer than the model takes. */
  truncated: { input: string; tokens: number; kept: number }[];
  /** Inputs with words that the vocabulary does not have. */
  unknown: { input: string; unknown: number; tokens: number }[];
}

interface About {
  model: string;
  attention: string;
  usage: Usage;
  warning?: string;
  requestId: string | null;
}

export interface Similarity extends About {
  scores: number[];
  /** Where a calibration was named. */
  probabilities?: number[];
}

export interface Matrix extends About {
  /** [left][right]. */
  scores: number[][];
  probabilities?: number[][];
}

export interface Neighbour {
  index: number;
  score: number;
  probability?: number;
}

export interface Neighbours extends About {
  /** For each left text its right ones, best first. */
  scores: Neighbour[][];
}

export interface Candidate {
  index: number;
  cosine: number;
  softmax: number;
  /** Null for a single candidate, which has no rival. */
  margin: number | null;
  probability?: number;
  text?: string;
}

export interface Ranking extends About {
  results: Candidate[];
  abstain?: boolean;
}

export interface Member {
  index: number;
  /** To the representative. */
  score: number;
  /** The same text as the representative, byte for byte. */
  exact: boolean;
  text?: string;
}

export interface Duplicates extends About {
  threshold: number;
  /** Of two texts and more, joined by chains of near-duplicates; members nearest to the representative first. */
  groups: { representative: number; size: number; members: Member[] }[];
  /** One text of each group, and every text that is in none. */
  keep: number[];
}

export interface Model {
  id: string;
  attention: string[];
  default_attention: string;
  dimensions: number;
  max_length: number;
}

export interface Calibration {
  id: string;
  model: string;
  attention: string;
  matches: number;
  others: number;
  prior: number;
  threshold?: { wanted_precision: number; found: boolean; probability?: number; precision?: number; recall?: number };
  [more: string]: unknown;
}

/** The body of an answer, as T; InvalidAnswer where the keys that make it one are missing. */
export function parsed<T>(answer: Answer, ...keys: (keyof T & string)[]): T {
  const body = answer.body;
  if (typeof body !== "object" || body === null || keys.some((key) => !(key in body)))
    throw new InvalidAnswer(`not an answer of rosim: an object with ${keys.join(", ")} was expected`);
  return body as T;
}

/** The same with the id under which the server logged it. */
export function told<T extends About>(answer: Answer, ...keys: (keyof T & string)[]): T {
  return { ...parsed<T>(answer, ...keys), requestId: answer.requestId };
}

/** The bytes of a vector are its floats, little-endian: nothing is parsed. */
export function vectorFromBase64(text: string): Float32Array {
  const characters = atob(text);
  const bytes = new DataView(new ArrayBuffer(characters.length));
  for (let i = 0; i < characters.length; i++) bytes.setUint8(i, characters.charCodeAt(i));
  const vector = new Float32Array(characters.length / 4);
  for (let i = 0; i < vector.length; i++) vector[i] = bytes.getFloat32(4 * i, true);
  return vector;
}
