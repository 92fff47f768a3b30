// Compiled, never run: what the types must allow, and what they must not.

import { Client, type Matrix, type Neighbours, type Scored, type Similarity } from "../src/index.js";

export async function uses(client: Client): Promise<void> {
  const score: number = await client.similarity("a", "b", { attention: "linear", metric: "dot" });
  const many: Similarity = await client.oneToMany("a", ["b"]);
  const matrix: Matrix = await client.matrix(["a"], ["b"]);
  const nearest: Neighbours = await client.nearest(["a"], ["b"], { top_k: 1 });
  const vectors: Float32Array[] = await client.embed(["a"], { batch: 2 });
  for await (const one of client.stream([["a", "b"]], { progress: (p) => p.done })) {
    const scored: Scored = one;
    void scored;
  }
  void [score, many, matrix, nearest, vectors];
  // @ts-expect-error a string is not an array of strings
  await client.embed("a");
  // @ts-expect-error no such attention
  await client.similarity("a", "b", { attention: "quadratic" });
  // @ts-expect-error a pair has two sides
  await client.pairs([["a"]]);
  // @ts-expect-error a label is 0, 1 or null
  await client.calibrate([["a", "b", 2]]);
  // @ts-expect-error a probability may be missing
  const probability: number[] = many.probabilities;
  void probability;
}
