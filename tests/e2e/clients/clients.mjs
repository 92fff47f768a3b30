// The official JavaScript clients: openai, @huggingface/inference, cohere-ai. Lines as in harness.py.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

import { InferenceClient } from "@huggingface/inference";
import { CohereClient, CohereClientV2, CohereError } from "cohere-ai";
import OpenAI from "openai";

const { ROSIM, ROSIM_MODEL, ROSIM_URL: url, ROSIM_API_KEY: key } = process.env;
const model = "sample";
const texts = ["今天天气不错", "今天天气很好", "A man is playing a guitar.", "naïve café 🎸", "a"];
const lines = execFileSync(ROSIM, ["embed", "--model", ROSIM_MODEL, "--precision", "f32"],
                           { input: texts.map((t) => t + "\n").join(""), stdio: "pipe" }).toString();
const wanted = lines.trim().split("\n").map((line) => JSON.parse(line).embedding.map(Math.fround));
const scores = wanted.slice(1).map((v) => v.reduce((sum, x, i) => sum + x * wanted[0][i], 0));
const order = scores.map((_, i) => i).sort((a, b) => scores[b] - scores[a]);

const same = (got, want) => assert.deepEqual(got.map((row) => Array.from(row, Math.fround)), want);
const near = (got, want) => got.forEach((x, i) => assert.ok(Math.abs(x - want[i]) < 2e-6, `${x} is not ${want[i]}`));

async function all(client, cases) {
  const { version } = JSON.parse(readFileSync(new URL(`node_modules/${client}/package.json`, import.meta.url)));
  for (const [dialect, what, run] of cases) {
    let verdict = "ok", detail = "";
    try {
      await run();
    } catch (failed) {
      verdict = "FAILED";
      detail = String(failed).replace(/\s+/g, " ").slice(0, 600);
    }
    console.log([dialect, `${client}.js ${version}`, what, verdict, detail].join("\t"));
  }
}

const openai = new OpenAI({ baseURL: url + "/v1", apiKey: key, maxRetries: 0 });
const embed = async (request) => (await openai.embeddings.create({ model, ...request })).data.map((d) => d.embedding);
const fails = (promise, kind, status, code) =>
  assert.rejects(promise, (e) => e instanceof kind && e.status === status && e.code === code && !!e.requestID);

await all("openai", [
  ["openai", "models.list", async () => {
    const ids = [];
    for await (const one of openai.models.list()) ids.push(one.id);
    assert.deepEqual(ids, [model]);
  }],
  ["openai", "models.retrieve", async () => assert.equal((await openai.models.retrieve(model)).id, model)],
  ["openai", "vectors as the package asks for them (base64)", async () => same(await embed({ input: texts }), wanted)],
  ["openai", "vectors as floats", async () => same(await embed({ input: texts, encoding_format: "float" }), wanted)],
  ["openai", "a single string", async () => same(await embed({ input: texts[0] }), wanted.slice(0, 1))],
  ["openai", "dimensions", async () => {
    const [vector] = await embed({ input: "a", dimensions: 16 });
    assert.equal(vector.length, 16);
    near([Math.hypot(...vector)], [1]);
  }],
  ["openai", "usage", async () => {
    const { usage } = await openai.embeddings.create({ model, input: texts });
    assert.ok(usage.prompt_tokens > texts.length && usage.total_tokens === usage.prompt_tokens);
  }],
  ["openai", "an unknown model is NotFoundError", () =>
    fails(embed({ model: "nobody", input: "a" }), OpenAI.NotFoundError, 404, "model_not_found")],
  ["openai", "an empty text is BadRequestError", () =>
    fails(embed({ input: "" }), OpenAI.BadRequestError, 400, "empty_input")],
  ["openai", "a wrong key is AuthenticationError", () => {
    const stranger = new OpenAI({ baseURL: url + "/v1", apiKey: "wrong", maxRetries: 0 });
    return fails(stranger.embeddings.create({ model, input: "a" }), OpenAI.AuthenticationError, 401, "unauthorized");
  }],
]);

const hub = new InferenceClient(key).endpoint(url);
await all("@huggingface/inference", [
  ["hf", "sentenceSimilarity", async () => {
    const inputs = { source_sentence: texts[0], sentences: texts.slice(1) };
    near(await hub.sentenceSimilarity({ inputs }), scores);
  }],
  ["hf", "featureExtraction of a list", async () => same(await hub.featureExtraction({ inputs: texts }), wanted)],
  ["hf", "featureExtraction of a string", async () => {
    same([(await hub.featureExtraction({ inputs: texts[0] })).flat()], wanted.slice(0, 1));
  }],
  ["hf", "an empty text is refused", () => assert.rejects(hub.featureExtraction({ inputs: "" }), /empty/)],
]);

const v2 = new CohereClientV2({ token: key, environment: url });
const v1 = new CohereClient({ token: key, environment: url });
const request = { model, query: texts[0], documents: texts.slice(1) };
const ranked = ({ results }, count = 4) => {
  assert.deepEqual(results.map((r) => r.index), order.slice(0, count));
  near(results.map((r) => r.relevanceScore), order.map((i) => scores[i]));
};
await all("cohere-ai", [
  ["cohere", "v2 rerank", async () => ranked(await v2.rerank(request))],
  ["cohere", "v2 rerank, topN", async () => ranked(await v2.rerank({ ...request, topN: 2 }), 2)],
  ["cohere", "v1 rerank, returnDocuments", async () => {
    const answer = await v1.rerank({ ...request, returnDocuments: true });
    ranked(answer);
    assert.deepEqual(answer.results.map((r) => r.document.text), order.map((i) => texts[1 + i]));
  }],
  ["cohere", "an unknown model is refused", () =>
    assert.rejects(v2.rerank({ ...request, model: "nobody" }),
                   (e) => e instanceof CohereError && e.statusCode === 404)],
]);
