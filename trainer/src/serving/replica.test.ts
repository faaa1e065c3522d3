// The replica against a pool that only remembers: what it fetches, writes and says, what it says
// again when an answer is lost, and that it ends.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Client, ReplicaWork, TextOrder, WrittenPart } from "@tequio/contract";
import { refuse } from "@tequio/core/pool";
import { initialParameters, type ModelConfig } from "../layout.ts";
import { serveTexts } from "./replica.ts";
import { openTextService } from "./service.ts";

const SHAPE: ModelConfig = { vocab: 64, context: 10, width: 16, layers: 1, heads: 2 };
const parameters = initialParameters(SHAPE, 5);
const DIGEST = `sha256:${"1".repeat(64)}`;
/** The values stand behind others, as those of a kept round do. */
const AT = 40;
const MODEL = { round: 3, digest: DIGEST, blob: DIGEST, at: AT, parameters: parameters.length };

const order = (id: string, tokens: number, written: readonly number[] = []): TextOrder => ({
  ...{ id, model: MODEL, prompt: [1, 2], written: [...written], tokens },
  ...{ temperature: 1, topP: 0.8, seed: 4 },
});

/** A pool that hands out the works one after another, each as soon as `when` lets it. */
class Pool {
  readonly parts: WrittenPart[] = [];
  readonly said: { holds?: readonly string[]; tokensPerSecond?: number }[] = [];
  readonly #works: readonly (() => Promise<Partial<ReplicaWork>>)[];
  #given = 0;
  /** So many answers are lost after the pool has taken what was said. */
  lost = 0;

  constructor(works: readonly (() => Promise<Partial<ReplicaWork>>)[]) {
    this.#works = works;
  }

  readonly client: Client = {
    url: "",
    token: undefined,
    call: (async (name: string, { body }: { body: Record<string, unknown> }) => {
      if (name === "takeTexts") {
        const next = this.#works[this.#given];
        this.#given += 1;
        const none = { reason: "", version: this.#given, texts: [], wanted: [] };
        if (next === undefined) return { ok: true, value: { ...none, state: "stop" } };
        const work = { ...none, state: "serve", shape: SHAPE, newest: MODEL, ...(await next()) };
        return { ok: true, value: work };
      }
      this.said.push(body);
      this.parts.push(...(body.texts as WrittenPart[]));
      if (this.lost === 0) return { ok: true, value: { taken: 0 } };
      this.lost -= 1;
      return refuse("POOL_UNREACHABLE", "cut", "again");
    }) as never,
  };

  async until(ready: () => boolean): Promise<void> {
    while (!ready()) await new Promise((done) => setTimeout(done, 2));
  }

  /** What a pool makes of the parts; throws at a gap. */
  textOf(id: string): readonly number[] {
    const text: number[] = [];
    for (const { from, tokens } of this.parts.filter((part) => part.id === id)) {
      assert.ok(from <= text.length, "no gap");
      text.push(...tokens.slice(text.length - from));
    }
    return text;
  }

  isOver = (id: string): boolean => this.parts.some((part) => part.id === id && part.over === true);
}

async function serve(pool: Pool, signal = new AbortController().signal) {
  const texts = openTextService({ threads: 1 });
  let fetched = 0;
  const bytes = new Uint8Array(AT + parameters.byteLength);
  bytes.set(new Uint8Array(parameters.buffer), AT);
  const get = async () => {
    fetched += 1;
    return bytes;
  };
  const reason = await serveTexts({
    ...{ client: pool.client, blobs: { get }, texts, signal, log: () => {} },
  });
  await texts.close();
  return { reason, fetched };
}

test("a replica fetches the model once, measures itself and writes what is wanted", async () => {
  const pool: Pool = new Pool([
    async () => ({}),
    async () => {
      await pool.until(() => pool.said.length > 0);
      return { texts: [order("a", 12), order("b", 5)], wanted: ["a", "b"] };
    },
    async () => {
      await pool.until(() => pool.isOver("a") && pool.isOver("b"));
      return { texts: [order("c", 12, pool.textOf("a").slice(0, 7))], wanted: ["c"] };
    },
    async () => {
      await pool.until(() => pool.isOver("c"));
      return {};
    },
  ]);
  const { fetched } = await serve(pool);
  assert.equal(fetched, 1);
  assert.deepEqual(pool.said.find(({ holds }) => holds !== undefined)!.holds, [DIGEST]);
  assert.ok(pool.said.some(({ tokensPerSecond = 0 }) => tokensPerSecond > 0));
  assert.deepEqual([pool.textOf("a").length, pool.textOf("b").length], [12, 5]);
  assert.deepEqual(pool.textOf("b"), pool.textOf("a").slice(0, 5), "the seed decides");
  assert.deepEqual(pool.textOf("c"), pool.textOf("a").slice(7), "it goes on from what stands");
});

test("what did not arrive is said again, and a text that nobody wants ends", async () => {
  const pool: Pool = new Pool([
    async () => ({ texts: [order("a", 30), order("b", 100_000)], wanted: ["a", "b"] }),
    async () => {
      await pool.until(() => pool.isOver("a"));
      return { wanted: [] };
    },
  ]);
  pool.lost = 2;
  const { reason } = await serve(pool);
  assert.equal(reason, "");
  assert.equal(pool.textOf("a").length, 30);
  assert.ok(pool.parts.filter(({ id, from }) => id === "a" && from === 0).length > 1);
  assert.ok(!pool.isOver("b"));
});

test("a replica ends when it is asked to, and when its lease has ended", async () => {
  const stopping = new AbortController();
  const pool = new Pool([
    async () => {
      setTimeout(() => stopping.abort(), 20);
      await new Promise((done) => setTimeout(done, 40));
      return {};
    },
  ]);
  assert.match((await serve(pool, stopping.signal)).reason, /asked to stop/);
  const over = refuse("TOKEN_EXPIRED", "The lease L1 has ended.", "Stop.");
  const client: Client = { url: "", token: undefined, call: (async () => over) as never };
  const texts = openTextService({ threads: 1 });
  const blobs = { get: () => Promise.reject(new Error("nothing")) };
  const { signal } = new AbortController();
  const reason = await serveTexts({ client, blobs, texts, signal, log: () => {} });
  assert.equal(reason, over.message);
});
