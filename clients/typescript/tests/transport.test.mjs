// Retries, broken connections and giving up, against a server that plays them: no rosim needed.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";

import { Client, ConnectionFailed, InvalidAnswer, Overloaded, ServerFault } from "../dist/index.js";
import { retryAfterSeconds } from "../dist/transport.js";

const GOOD = JSON.stringify({ model: "m", attention: "softmax", scores: [0.5], usage: { texts: 2, tokens: 6 } });
const REFUSAL = JSON.stringify({ error: { code: "overloaded", message: "full", param: null, request_id: "r1" } });
const says = (status, body, headers = {}) => (_, answer) => answer.writeHead(status, headers).end(body);
const drops = (request) => request.socket.destroy();

/** Takes its turns in order, one a request. */
async function playing(turns, use) {
  const seen = [];
  const server = createServer(async (request, answer) => {
    let body = "";
    for await (const part of request) body += part;
    seen.push({ url: request.url, headers: request.headers, body, at: Date.now(), request });
    turns.shift()(request, answer);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await use(`http://127.0.0.1:${server.address().port}`, seen);
  } finally {
    server.closeAllConnections?.();
    server.close();
  }
}

test("503, 429 and a dropped connection are sent again, the same", () =>
  playing([says(503, REFUSAL), says(429, REFUSAL), drops, says(200, GOOD)], async (url, seen) => {
    assert.equal(await new Client(url).similarity("a", "b"), 0.5);
    assert.equal(seen.length, 4);
    assert.equal(new Set(seen.map((s) => s.body)).size, 1);
  }));

test("Retry-After is honoured", () =>
  playing([says(503, REFUSAL, { "Retry-After": "1" }), says(200, GOOD)], async (url, seen) => {
    await new Client(url).similarity("a", "b");
    assert.ok(seen[1].at - seen[0].at >= 1000);
  }));

test("but never longer than maxPause", () =>
  playing([says(503, REFUSAL, { "Retry-After": "3600" }), says(200, GOOD)], async (url, seen) => {
    await new Client(url, { maxPause: 50 }).similarity("a", "b");
    assert.ok(seen[1].at - seen[0].at < 1000);
  }));

test("in the end the refusal is thrown", () =>
  playing(Array(3).fill(says(503, REFUSAL, { "Retry-After": "0" })), async (url, seen) => {
    const refused = (e) => e instanceof Overloaded && e.status === 503 && e.code === "overloaded"
      && e.requestId === "r1" && e.retryAfter === 0 && e.name === "Overloaded";
    await assert.rejects(new Client(url, { retries: 2 }).similarity("a", "b"), refused);
    assert.equal(seen.length, 3);
  }));

test("other failures are not sent again", () =>
  playing([says(502, "<html>")], async (url, seen) => {
    await assert.rejects(new Client(url).similarity("a", "b"), (e) => e instanceof ServerFault && e.status === 502);
    assert.equal(seen.length, 1);
  }));

test("nobody listens", async () => {
  let gone;
  await playing([], async (url) => { gone = url; });
  await assert.rejects(new Client(gone, { retries: 1 }).similarity("a", "b"), ConnectionFailed);
});

test("a timeout is thrown once", () =>
  playing([() => undefined], async (url, seen) => {
    await assert.rejects(new Client(url, { timeout: 100 }).similarity("a", "b"), /timed out/);
    assert.equal(seen.length, 1);
  }));

test("an answer of something else is said to be one", async () => {
  for (const body of ["<html>", "{}", "[]", "null", "7"])
    await playing([says(200, body)], (url) =>
      assert.rejects(new Client(url).similarity("a", "b"), InvalidAnswer, body));
});

const line = (number, fields) => JSON.stringify({ line: number, ...fields }) + "\n";
const bad = (code, param = null) => ({ error: { code, message: `${param}: ${code}`, param, request_id: "r2" } });
async function streamed(url, options) {
  const got = [];
  for await (const one of new Client(url).stream([["a", "b"], ["c", "d"], ["e", "f"]], options)) got.push(one);
  return got;
}

test("lines that found the queue full are sent again", () => {
  const first = line(2, { score: 0.5 }) + line(3, bad("overloaded")) + line(4, bad("overloaded"));
  const then = line(2, { score: 0.25 }) + line(3, { score: 0.125 });
  return playing([says(200, first), says(200, then)], async (url, seen) => {
    assert.deepEqual((await streamed(url, { metric: "dot" })).map((one) => one.score), [0.5, 0.25, 0.125]);
    assert.deepEqual(seen[1].body, '{"options":{"metric":"dot"}}\n["c","d"]\n["e","f"]\n');
    assert.equal(seen[1].headers["content-type"], "application/x-ndjson");
  });
});

test("an error of everybody is thrown", () =>
  playing([says(200, line(2, bad("model_not_found", "model")))], (url) =>
    assert.rejects(streamed(url), (e) => e.name === "NotFound" && e.status === 404 && e.requestId === "r2")));

test("an error of a pair is its own", () => {
  const body = line(2, { score: 1 }) + line(3, bad("empty_input", "line[3].b")) + line(4, { score: 0 });
  return playing([says(200, body)], async (url) => {
    assert.deepEqual((await streamed(url)).map((one) => one.error?.param), [undefined, "pairs[1].b", undefined]);
  });
});

test("lines that are missing are no answer", async () => {
  for (const body of ["", line(2, { score: 1 }), line(9, { score: 1 }), "<html>", "7", line(2, {})])
    await playing([says(200, body)], (url) => assert.rejects(streamed(url), InvalidAnswer, body));
});

test("a signal gives up the request, and its connection", () =>
  playing([() => undefined], async (url, seen) => {
    const stop = new AbortController();
    const asked = new Client(url).similarity("a", "b", { signal: stop.signal });
    while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    const left = once(seen[0].request.socket, "close");
    stop.abort(new Error("enough"));
    await assert.rejects(asked, /enough/);
    await left;
    assert.ok(!seen[0].body.includes("signal"));
  }));

test("a signal ends the pause between retries", () =>
  playing([says(503, REFUSAL, { "Retry-After": "20" })], async (url) => {
    const begun = Date.now(), stop = new AbortController();
    setTimeout(() => stop.abort(new Error("enough")), 100);
    await assert.rejects(new Client(url).similarity("a", "b", { signal: stop.signal }), /enough/);
    assert.ok(Date.now() - begun < 2000);
  }));

test("a path before the routes, the key and more headers are sent", () =>
  playing([says(200, GOOD)], async (url, seen) => {
    await new Client(url + "/rosim/", { apiKey: "k", headers: { traceparent: "t" } }).similarity("a", "b");
    assert.equal(seen[0].url, "/rosim/v1/similarity");
    assert.equal(seen[0].headers.authorization, "Bearer k");
    assert.equal(seen[0].headers.traceparent, "t");
  }));

test("Retry-After is seconds or a date", () => {
  const now = 1_800_000_000_000;
  const cases = [["2", 2], ["0.5", 0.5], [new Date(now + 7000).toUTCString(), 7], ["soon", null], [null, null],
                 [new Date(now - 7000).toUTCString(), 0]];
  for (const [value, seconds] of cases) assert.equal(retryAfterSeconds(value, now), seconds);
});

test("only http and https", () => {
  for (const url of ["localhost:8080", "ftp://a", ""]) assert.throws(() => new Client(url), TypeError);
});
