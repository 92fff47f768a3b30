// Against a running rosim: ROSIM_URL, ROSIM_API_KEY, and ROSIM with the model in ROSIM_MODEL (`make clients-test`).
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

import { Client, InvalidRequest, NotAllowed, NotFound } from "../dist/index.js";

const TEXTS = ["今天天气不错", "今天天气很好", "A man is playing a guitar.", "naïve café 🎸", "a"];
const { ROSIM, ROSIM_MODEL, ROSIM_URL, ROSIM_API_KEY } = process.env;
const client = new Client(ROSIM_URL, { apiKey: ROSIM_API_KEY });

/** What `rosim embed` writes: the same model by another way. */
function commandLineVectors(...options) {
  const args = ["embed", "--model", ROSIM_MODEL, "--precision", "f32", ...options];
  const lines = execFileSync(ROSIM, args, { input: TEXTS.map((t) => t + "\n").join(""), stdio: "pipe" }).toString();
  return lines.trim().split("\n").map((line) => new Float32Array(JSON.parse(line).embedding));
}

const wanted = commandLineVectors();
const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
const near = (got, want) => assert.ok(Math.abs(got - want) < 2e-6, `${got} is not ${want}`);
const refusal = (kind, code, param) => (e) =>
  e instanceof kind && e.code === code && e.param === param && !!e.requestId;

test("vectors equal the command line's, bit for bit, whatever the batch and the attention", async () => {
  assert.deepEqual(await client.embed(TEXTS), wanted);
  assert.deepEqual(await client.embed(TEXTS, { batch: 2 }), wanted);
  const linear = commandLineVectors("--attention", "linear");
  assert.deepEqual(await client.embed(TEXTS, { attention: "linear" }), linear);
});

test("three forms agree with products of the vectors", async () => {
  const pairs = await client.pairs([[TEXTS[0], TEXTS[1]], [TEXTS[2], TEXTS[3]]]);
  near(pairs.scores[0], dot(wanted[0], wanted[1]));
  near(pairs.scores[1], dot(wanted[2], wanted[3]));
  const many = await client.oneToMany(TEXTS[0], TEXTS.slice(1));
  many.scores.forEach((score, i) => near(score, dot(wanted[0], wanted[i + 1])));
  const matrix = await client.matrix(TEXTS.slice(0, 2), TEXTS);
  matrix.scores.forEach((row, i) => row.forEach((score, j) => near(score, dot(wanted[i], wanted[j]))));
  near(await client.similarity(TEXTS[0], TEXTS[1]), dot(wanted[0], wanted[1]));
});

test("an answer carries what was used and lost", async () => {
  const got = await client.pairs([["a ".repeat(600), "b"]]);
  assert.equal(got.usage.truncated[0].input, "pairs[0].a");
  assert.equal(got.usage.texts, 2);
  assert.equal(got.attention, "softmax");
  assert.ok(got.requestId);
});

test("nearest is ranked", async () => {
  const got = await client.nearest([TEXTS[0]], TEXTS, { top_k: 2 });
  assert.deepEqual(got.scores[0].map((found) => found.index), [0, 1]);
  await assert.rejects(client.nearest(["a"], ["b"], {}), TypeError);
});

test("rank puts the best first, and abstains", async () => {
  const got = await client.rank("今天天气很好", ["股市下跌", "今天天气不错"], { return_texts: true });
  assert.deepEqual(got.results.map((c) => c.index), [1, 0]);
  assert.equal(got.results[0].text, "今天天气不错");
  assert.equal((await client.rank("a", ["b", "c"], { abstain_below: 1000 })).abstain, true);
});

test("dedup groups copies", async () => {
  const texts = ["one thing", "今天天气不错", "another thing", "今天天气不错", "a b c", "a b c"];
  const got = await client.dedup(texts, { threshold: 0.99999, representative: "first" });
  assert.deepEqual(got.groups.map((group) => group.members.map((m) => m.index)), [[1, 3], [4, 5]]);
  assert.deepEqual(got.keep, [0, 1, 2, 4]);
});

test("calibrations are made, used and deleted", async () => {
  const alike = [["How do I reset my password?", "I forgot my password"], ["Where is my order?", "Track my parcel"],
                 ["Can I pay by card?", "Do you take credit cards?"], ["When do you open?", "Your opening hours?"]];
  const labelled = alike.flatMap(([a, b], i) => [[a, b, 1], [a, alike[(i + 1) % 4][1], 0]]);
  const made = await client.calibrate([...labelled, ["x", "y", null]], { id: "typescript-test", precision: 0.9 });
  assert.deepEqual([made.id, made.matches, made.others], ["typescript-test", 4, 4]);
  assert.ok((await client.calibrations()).some((c) => c.id === "typescript-test"));
  const got = await client.pairs(alike, { calibration: "typescript-test" });
  assert.ok(got.probabilities.every((p) => p > 0 && p < 1));
  await client.deleteCalibration("typescript-test");
  await assert.rejects(client.calibration("typescript-test"), NotFound);
  await assert.rejects(client.calibration("../models"), TypeError);
});

test("models say their sizes", async () => {
  const [model] = await client.models();
  assert.equal(model.dimensions, wanted[0].length);
  assert.ok(model.attention.includes("softmax"));
});

test("errors carry code, param and request id", async () => {
  await assert.rejects(client.pairs([["a", "b"], ["a", ""]]), refusal(InvalidRequest, "empty_input", "pairs[1].b"));
  await assert.rejects(client.embed(["a", "b", ""], { batch: 2 }), refusal(InvalidRequest, "empty_input", "input[2]"));
  await assert.rejects(client.similarity("a", "b", { model: "nobody" }), refusal(NotFound, "model_not_found", "model"));
  const stranger = new Client(ROSIM_URL, { apiKey: "wrong" });
  await assert.rejects(stranger.similarity("a", "b"), refusal(NotAllowed, "unauthorized", null));
});

test("a stream gives every score in order", async () => {
  const pairs = Array.from({ length: 57 }, (_, i) => [TEXTS[i % 5], TEXTS[(2 * i + 1) % 5]]);
  const { scores } = await client.pairs(pairs);
  const reports = [], got = [];
  for await (const one of client.stream(pairs, { batch: 8, inFlight: 3, progress: (p) => reports.push(p) }))
    got.push(one);
  assert.deepEqual(got, scores.map((score, index) => ({ index, score })));
  assert.deepEqual([reports.at(-1).done, reports.at(-1).total], [57, 57]);
});

test("a bad pair of a stream is one error, and the rest is scored", async () => {
  async function* source() {
    for (let i = 0; i < 11; i++) yield ["a", i === 5 || i === 10 ? "" : "b"];
  }
  const got = [];
  for await (const one of client.stream(source(), { batch: 4 })) got.push(one);
  assert.deepEqual(got.filter((one) => one.error).map((one) => one.error.param), ["pairs[5].b", "pairs[10].b"]);
  assert.ok(got.every((one, i) => one.index === i && Number.isNaN(one.score) === (one.error !== undefined)));
});

test("what is no pair is one error too", async () => {
  const got = [];
  for await (const one of client.stream([["a", "b"], ["a"], ["a", "b"], ["a", 7]])) got.push(one);
  assert.deepEqual(got.map((one) => one.error?.code), [undefined, "wrong_type", undefined, "wrong_type"]);
});

test("a stream takes no more than fits in flight, and stops when it is left", async () => {
  let taken = 0, closed = false;
  function* endless() {
    try {
      for (;;) {
        taken++;
        yield ["a", "b"];
      }
    } finally {
      closed = true;
    }
  }
  let read = 0;
  for await (const one of client.stream(endless(), { batch: 4, inFlight: 2 })) {
    assert.equal(one.error, undefined);
    if (++read === 9) break;
  }
  assert.ok(taken <= 4 * (3 + 2), `${taken} were taken`);
  assert.ok(closed);
});

test("what stops the whole stream is thrown", async () => {
  const all = async () => {
    for await (const _ of client.stream([["a", "b"]], { metric: "unheard of" }));
  };
  await assert.rejects(all(), refusal(InvalidRequest, "invalid_value", "metric"));
});
