// Texts for several requests at a time: what is drawn, that each is what it would be alone, and
// that whoever goes away is no longer worked for.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { initialParameters, type ModelConfig } from "../layout.ts";
import { drawToken } from "./draw.ts";
import { openTextService, type TextRequest } from "./service.ts";

const SHAPE: ModelConfig = { vocab: 64, context: 10, width: 16, layers: 1, heads: 2 };
const parameters = initialParameters(SHAPE, 5);
const never = new AbortController().signal;

const request = (seed: number, tokens: number, over: Partial<TextRequest> = {}): TextRequest => ({
  ...{ shape: SHAPE, digest: "a model", parameters: async () => parameters },
  wish: { prompt: [1, 2, 3], tokens, temperature: 1, topP: 1, seed },
  ...over,
});

async function listOf(tokens: AsyncIterable<number>): Promise<readonly number[]> {
  const list: number[] = [];
  for await (const token of tokens) list.push(token);
  return list;
}

test("temperature 0 takes the likeliest token, whatever the chance", () => {
  fc.assert(
    fc.property(
      fc.array(fc.float({ min: -50, max: 50, noNaN: true }), { minLength: 1, maxLength: 30 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (row, uniform) => {
        const logits = Float32Array.from(row);
        const token = drawToken(logits, uniform, 0, 1);
        assert.ok(logits.every((logit) => logit <= logits[token]!));
      },
    ),
  );
});

test("a nucleus leaves out what is unlikely, and draws the rest as often as it is likely", () => {
  const logits = Float32Array.from([0.5, 0.3, 0.15, 0.05].map(Math.log));
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 1_000; i += 1) counts[drawToken(logits, (i + 0.5) / 1_000, 1, 0.75)]! += 1;
  assert.deepEqual(counts, [625, 375, 0, 0]);
  assert.equal(drawToken(logits, 0.999, 1, 1), 3);
  assert.equal(drawToken(logits, 0.999, 1, 0), 0, "at least one token is left");
});

test("texts that are asked for together are the same as one after another", async (t) => {
  const service = openTextService({ threads: 1 });
  t.after(() => service.close());
  const text = async (seed: number) => listOf(service.generate(request(seed, 24), never));
  const alone = [await text(1), await text(2)];
  const together = await Promise.all([text(1), text(2), text(1)]);
  assert.deepEqual(together, [alone[0], alone[1], alone[0]]);
  assert.equal(alone[0]!.length, 24);
  assert.notDeepEqual(alone[0], alone[1]);
  assert.ok(alone[0]!.every((token) => token >= 0 && token < SHAPE.vocab));
});

test("a text that another began goes on as it would have gone on there", async (t) => {
  const service = openTextService({ threads: 1 });
  t.after(() => service.close());
  const text = (wish: Partial<TextRequest["wish"]>) =>
    listOf(service.generate(request(7, 24, { wish: { ...request(7, 24).wish, ...wish } }), never));
  for (const prompt of [[1, 2, 3], [], Array.from({ length: 10 }, (_, id) => id)]) {
    const whole = await text({ prompt, topP: 0.9 });
    for (const at of [1, 9, 23, 24]) {
      const rest = await text({ prompt, topP: 0.9, written: whole.slice(0, at) });
      assert.deepEqual(rest, whole.slice(at), `from token ${at} on`);
    }
  }
});

test("a model is fetched once, and a request without one fails alone", async (t) => {
  const service = openTextService({ threads: 1 });
  t.after(() => service.close());
  let fetched = 0;
  const counted = async () => {
    fetched += 1;
    return parameters;
  };
  const read = (over: Partial<TextRequest>) => listOf(service.generate(request(1, 3, over), never));
  await read({ parameters: counted });
  await read({ parameters: counted });
  assert.equal(fetched, 1);
  const gone = async () => Promise.reject(new Error("the model is gone"));
  await assert.rejects(read({ digest: "another", parameters: gone }), /the model is gone/);
  assert.equal((await read({})).length, 3);
});

test("a caller that goes away ends its text, and the others go on", async (t) => {
  const service = openTextService({ threads: 1 });
  t.after(() => service.close());
  const leaving = new AbortController();
  const endless = service.generate(request(1, 1_000_000), leaving.signal);
  for (let i = 0; i < 3; i += 1) assert.equal((await endless.next()).done, false);
  const other = listOf(service.generate(request(2, 5), never));
  leaving.abort();
  assert.equal((await endless.next()).done, true);
  assert.equal((await other).length, 5);
});
