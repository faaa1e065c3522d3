// The OpenAI-compatible endpoint, asked by OpenAI's own client: whole answers and streams, stops,
// limits, wrong keys and models, and callers that go away. What the model would write is a fake's.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { openMemoryStore } from "@tequio/stores/memory";
import fc from "fast-check";
import OpenAI from "openai";
import { ended, makeSite } from "../../testing/agent.ts";
import { addUser } from "../../testing/people.ts";
import { good, startServer, type TestServer, until } from "../../testing/setup.ts";
import { FakeWorker, fakeTrainer, RUN } from "../../testing/training.ts";
import { chatText } from "./asked.ts";
import { TextStream } from "./text.ts";

/** The fake writes the alphabet, so the model needs all letters; the shape is never computed. */
const WIDE = { vocab: 256, context: 32, width: 16, layers: 1, heads: 1 };

interface World {
  readonly server: TestServer;
  readonly ai: OpenAI;
  readonly id: string;
}

async function served(t: TestContext): Promise<World> {
  const store = good(await openMemoryStore());
  const server = await startServer(t, store, { trainer: fakeTrainer() });
  const { agent } = await makeSite(t, server, "uni-lab");
  const job = { ...RUN(2), run: { ...RUN(2).run, model: WIDE } };
  const { id } = good(await server.client.call("submitJob", { body: job }));
  const order = await agent.order(id);
  agent.report(order, { kind: "running" });
  const token = order.start!.taskToken;
  await new FakeWorker({ url: server.server.url, token, runId: id }).run();
  agent.report(order, ended(0, 100));
  await until("the run's end", () => server.server.pump.state.jobs.get(id)!.outcome ?? undefined);
  return { server, id, ai: clientOf(server, server.token) };
}

const clientOf = ({ server }: TestServer, apiKey: string): OpenAI =>
  new OpenAI({ apiKey, baseURL: `${server.url}/openai/v1`, maxRetries: 0 });

/** The error that a call ends with, as the client has understood it. */
async function errorOf(call: Promise<unknown>) {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof OpenAI.APIError, String(error));
    const { status, code, param, type, message } = error;
    return { status, code, param, type, message };
  }
  throw new Error("the call was answered");
}

test("OpenAI's client lists models, completes and chats, whole and as a stream", async (t) => {
  const { ai, id } = await served(t);
  const model = `run-${id}`;
  const listed = await ai.models.list();
  assert.deepEqual(
    listed.data.map((one) => [one.id, one.object, one.owned_by]),
    [[model, "model", "default"]],
  );
  assert.equal((await ai.models.retrieve(`${model}@1`)).id, `${model}@1`);
  const ask = { model, prompt: "xyz", max_tokens: 5, seed: 0 };
  const whole = await ai.completions.create(ask);
  assert.equal(whole.choices[0]!.text, "abcde");
  assert.equal(whole.choices[0]!.finish_reason, "length");
  assert.equal(whole.model, `${model}@2`, "the answer says which round has written it");
  const usage = { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 };
  assert.deepEqual(whole.usage, usage);
  const stopped = await ai.completions.create({ ...ask, max_tokens: 50, stop: ["fgh", "kl"] });
  assert.deepEqual(
    [stopped.choices[0]!.text, stopped.choices[0]!.finish_reason],
    ["abcde", "stop"],
  );
  assert.equal((await ai.completions.create({ ...ask, echo: true })).choices[0]!.text, "xyzabcde");
  const tokens = { ...ask, prompt: [120, 121], seed: 2 };
  assert.equal((await ai.completions.create(tokens)).choices[0]!.text, "cdefg");
  const pieces: string[] = [];
  const stream_options = { include_usage: true };
  for await (const chunk of await ai.completions.create({ ...ask, stream: true, stream_options })) {
    pieces.push(chunk.choices[0]?.text ?? JSON.stringify(chunk.usage));
  }
  assert.deepEqual(pieces, ["a", "b", "c", "d", "e", "", JSON.stringify(usage)]);
  const messages = [
    { role: "system" as const, content: "Be brief." },
    { role: "user" as const, content: [{ type: "text" as const, text: "Hi" }] },
  ];
  const chat = await ai.chat.completions.create({
    ...{ model, messages, seed: 0, max_completion_tokens: 3 },
  });
  assert.deepEqual(chat.choices[0]!.message, { role: "assistant", content: "abc", refusal: null });
  assert.equal(chat.usage!.prompt_tokens, "Be brief.\nUser: Hi\nAssistant: ".length);
  const runner = ai.chat.completions.stream({
    ...{ model, messages, seed: 1, max_completion_tokens: 4, stop: "d" },
  });
  assert.equal(await runner.finalContent(), "bc");
  assert.equal((await runner.finalChatCompletion()).choices[0]!.finish_reason, "stop");
});

test("what cannot be answered is refused as OpenAI's clients expect it", async (t) => {
  const { ai, id, server } = await served(t);
  const model = `run-${id}`;
  const ask = (over: object) => errorOf(ai.completions.create({ model, prompt: "x", ...over }));
  const wrongKey = clientOf(server, "tq_wrong").completions.create({ model, prompt: "x" });
  const unknown = await errorOf(wrongKey);
  assert.deepEqual([unknown.status, unknown.code], [401, "invalid_api_key"]);
  const stranger = await addUser(server, "stranger");
  const may = await errorOf(clientOf(server, stranger.token).models.list());
  assert.deepEqual([may.status, may.type], [403, "permission_error"]);
  for (const name of ["gpt-4", "run-99", `${model}@77`, "run-1/../2"]) {
    const missing = await ask({ model: name });
    const is = [missing.status, missing.code, missing.param];
    assert.deepEqual(is, [404, "model_not_found", "model"], name);
  }
  const long = await ask({ prompt: "x".repeat(33) });
  assert.deepEqual(
    [long.status, long.code, long.param],
    [400, "context_length_exceeded", "prompt"],
  );
  assert.match(long.message, /33 tokens; the model sees 32/);
  const cut = { model, prompt: "x".repeat(33), max_tokens: 1, truncation: "auto" };
  assert.equal((await ai.completions.create(cut)).usage!.prompt_tokens, 32);
  for (const [over, param] of [
    [{ max_tokens: 0 }, "max_tokens"],
    [{ max_tokens: 1e6 }, "max_tokens"],
    [{ temperature: 3 }, "temperature"],
    [{ n: 2 }, "n"],
    [{ logprobs: 5 }, "logprobs"],
    [{ prompt: ["a", "b"] }, "prompt"],
    [{ stop: ["a", "b", "c", "d", "e"] }, "stop"],
  ] as const) {
    const refused = await ask(over);
    assert.deepEqual([refused.status, refused.param], [400, param], JSON.stringify(over));
  }
  const nowhere = await server.http("/openai/v1/embeddings", { method: "POST" });
  assert.equal(nowhere.status, 404);
  assert.ok("error" in ((await nowhere.json()) as object));
});

test("a caller that goes away in the middle of a stream is no longer worked for", async (t) => {
  const { ai, id } = await served(t);
  const ask = { model: `run-${id}`, prompt: "x", max_tokens: 4_000, stream: true } as const;
  const all = await Promise.all(Array.from({ length: 32 }, () => ai.completions.create(ask)));
  const full = await errorOf(ai.completions.create(ask));
  assert.deepEqual([full.status, full.code], [429, "rate_limit_exceeded"]);
  for (const stream of all) stream.controller.abort();
  const again = await until("a place", async () => {
    const asked = ai.completions.create({ ...ask, max_tokens: 2, stream: false });
    return asked.catch(() => undefined);
  });
  assert.equal(again.usage!.completion_tokens, 2);
});

test("a text ends where a stop begins, however it is cut into tokens", () => {
  const stops = ["ab", "bca", "é!"];
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("a", "b", "c", "é", "!", "語") }), (text) => {
      const places = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
      const expected = places.length === 0 ? text : text.slice(0, Math.min(...places));
      const stream = new TextStream(stops);
      let got = "";
      for (const byte of new TextEncoder().encode(text)) {
        got += stream.take(Uint8Array.of(byte));
        assert.ok(expected.startsWith(got), "nothing is taken back");
      }
      got += stream.end();
      assert.deepEqual([got, stream.stopped], [expected, places.length > 0]);
    }),
  );
});

test("a chat is a text of lines that the model goes on with", () => {
  const chat = chatText([
    { role: "system", content: "A letter." },
    { role: "user", content: "One?" },
    { role: "assistant", content: "Two." },
    { role: "user", content: [{ type: "text", text: "Three?" }] },
  ]);
  assert.equal(chat, "A letter.\nUser: One?\nAssistant: Two.\nUser: Three?\nAssistant: ");
});
