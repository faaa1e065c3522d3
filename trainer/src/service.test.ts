// The control plane's thread for arithmetic: answers in order, refuses what cannot be trained.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { RunSpec } from "@tequio/core/pool";
import { openTrainerService } from "./service.ts";

const service = openTrainerService({ threads: 1 });
after(() => service.close());

const RUN: RunSpec = {
  model: { vocab: 256, context: 16, width: 16, layers: 1, heads: 2 },
  corpus: "sotu",
  seed: 3,
  stop: { rounds: 1 },
  referenceBatch: 4,
  maxBatch: 8,
  learningRate: 0.001,
  warmUpSteps: 0,
};

test("a first model is made by its seed and is as bad as chance", async () => {
  const [one, two] = await Promise.all([service.prepare(RUN), service.prepare(RUN)]);
  assert.ok(one.ok && two.ok);
  assert.deepEqual(one.value.parameters, two.value.parameters);
  // An untrained model over 256 bytes has about ln 256 nats.
  assert.ok(Math.abs(one.value.heldOutLoss - Math.log(256)) < 0.1);
  assert.equal(await service.heldOutLoss(RUN, one.value.parameters), one.value.heldOutLoss);
});

test("gate and report judge on different text, and a sample has the asked length", async () => {
  const made = await service.prepare(RUN);
  assert.ok(made.ok);
  const { parameters } = made.value;
  const gate = await service.gateLoss(RUN, 1, parameters);
  assert.notEqual(gate, made.value.heldOutLoss);
  assert.equal(await service.gateLoss(RUN, 2, parameters), gate, "one era, the same windows");
  assert.notEqual(await service.gateLoss(RUN, 25, parameters), gate, "later, new windows");
  const wish = { prompt: "The ", bytes: 12, temperature: 1, seed: 1 };
  const text = await service.sample(RUN, parameters, wish);
  assert.equal(await service.sample(RUN, parameters, wish), text);
});

test("an unusable text or shape is refused with its code", async () => {
  const missing = await service.prepare({ ...RUN, corpus: "/nowhere/text.txt" });
  assert.equal(missing.ok ? "" : missing.code, "CORPUS_INVALID");
  const odd = await service.prepare({ ...RUN, model: { ...RUN.model, heads: 3 } });
  assert.equal(odd.ok ? "" : odd.code, "INVALID_REQUEST");
});

test("a run in trained tokens is prepared, judged and sampled in them", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tequio-tokens-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const corpus = join(folder, "text.txt");
  const sentences = Array.from({ length: 2_000 }, (_, i) => `The people of county ${i} agree. `);
  writeFileSync(corpus, sentences.join(""));
  const asBytes = await service.prepare({ ...RUN, corpus });
  const run: RunSpec = {
    ...{ ...RUN, corpus, tokenizer: "bpe-300" },
    model: { ...RUN.model, vocab: 300 },
  };
  const made = await service.prepare(run);
  assert.ok(asBytes.ok && made.ok);
  assert.ok(made.value.windows < asBytes.value.windows / 2, "several bytes are one token");
  assert.ok(Math.abs(made.value.heldOutLoss - Math.log(300)) < 0.1);
  const { parameters } = made.value;
  assert.ok(Number.isFinite(await service.gateLoss(run, 1, parameters)));
  const wish = { prompt: "The people", bytes: 20, temperature: 1, seed: 1 };
  const text = await service.sample(run, parameters, wish);
  assert.equal(await service.sample(run, parameters, wish), text);
  const odd = await service.prepare({ ...run, tokenizer: "bpe-99999" });
  assert.equal(odd.ok ? "" : odd.code, "INVALID_REQUEST");
});
