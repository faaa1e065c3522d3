// Proves one merge alone: what it keeps, what it answers for contributions that are missing or
// damaged, a full disk, and that a checkpoint gives the same next merge as memory does.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunState } from "@tequio/core/controller";
import type { RunSpec } from "@tequio/core/pool";
import {
  type ClosingEntry,
  createRun,
  decode,
  encode,
  type RoundClosing,
} from "@tequio/core/training";
import { digestOf, type Store } from "@tequio/stores";
import { createMemoryFaults, openMemoryStore } from "@tequio/stores/memory";
import { good } from "../testing/setup.ts";
import { fakeTrainer, RUN } from "../testing/training.ts";
import { type MergeResult, merge } from "./merge.ts";
import { Models } from "./models.ts";
import { bytesOf, putVectors, readVector } from "./vectors.ts";

const LENGTH = 600;
const SPEC = { ...RUN(1).run, corpus: "sotu", seed: 1, learningRate: 0.1 } as RunSpec;

async function newRun(store: Store): Promise<RunState> {
  const blob = good(await putVectors(store.blobs, [new Float32Array(LENGTH)]));
  const machine = createRun(
    {
      ...{ model: SPEC.model, parameters: LENGTH, context: 8, referenceBatch: 4, maxBatch: 8 },
      ...{ batchSizes: [4], codecDown: "int8", warmUpSteps: 0, stop: { rounds: 1 } },
      learningRate: { peak: 0.1, warmUp: 0.1, rampSteps: 0 },
      ...{ quorum: { share: 0.5, min: 1 }, data: { windows: 100, seed: 1 } },
      start: { modelDigest: blob, modelBlob: blob },
    },
    0,
  );
  const rest = {
    failures: {},
    booked: {},
    version: 1,
    lossBefore: 0.5,
    startedAtMs: 0,
    rounds: [],
  };
  return { jobId: "1", machine, ...rest };
}

/** A delta that moves a little towards the target of the fake trainer. */
const delta = (share: number): Float32Array =>
  Float32Array.from({ length: LENGTH }, (_, i) => -share * Math.sin(i));

async function offer(store: Store, siteId: string, bytes: Uint8Array): Promise<ClosingEntry> {
  const { digest } = good(await store.blobs.put(bytes));
  return {
    ...{ contributionId: `${siteId}@1`, siteId, round: 1, blob: digest, bytes: bytes.length },
    ...{ codec: "fp32", tokens: 64, staleness: 0, weight: 64 },
  };
}

const closingOf = (contributions: readonly ClosingEntry[]): RoundClosing => ({
  ...{ type: "round.closing", atMs: 0, round: 1, warmUp: false, attempt: 1, reason: "ready" },
  ...{ outer: { eta: 0.7, mu: 0.8 }, thresholdNats: 0.02, codecDown: "int8", contributions },
});

const toolsOf = (store: Store) => ({
  ...{ blobs: store.blobs, models: new Models(store.blobs), trainer: fakeTrainer() },
});

/** The run after a merge, as far as the next one looks at it. */
function advanced(run: RunState, { input }: MergeResult): RunState {
  const { modelDigest: digest, modelBlob, stepBlob, checkpointBlob } = input;
  const model = { ...run.machine.model, digest, modelBlob, stepBlob, checkpointBlob };
  return { ...run, machine: { ...run.machine, model } };
}

test("a merge keeps step, copy and checkpoint, and the step leads to the copy", async () => {
  const store = good(await openMemoryStore());
  const run = await newRun(store);
  const entry = await offer(store, "a", encode("fp32", delta(0.2)));
  const { input, model } = good(await merge(toolsOf(store), run, SPEC, closingOf([entry])));
  assert.equal(input.rows[0]!.verdict, "passed");
  const kept = good(await readVector(store.blobs, input.modelBlob));
  assert.equal(input.modelDigest, digestOf(bytesOf(kept)));
  assert.deepEqual(kept, model.sitesCopy);
  const bytes: Buffer[] = [];
  const step = good(await store.blobs.open(input.stepBlob!));
  for await (const chunk of step.chunks) bytes.push(Buffer.from(chunk));
  assert.equal(Buffer.concat(bytes).length, input.bytesDown);
  // The sites held zeros, so the step itself is their copy.
  assert.deepEqual(good(decode(Buffer.concat(bytes))), kept);
  assert.ok(input.heldOutLoss! < 0.5);
});

test("a merge from a checkpoint equals the one from memory, bit for bit", async () => {
  const store = good(await openMemoryStore());
  const run = await newRun(store);
  const tools = toolsOf(store);
  const closing = closingOf([await offer(store, "a", encode("fp32", delta(0.2)))]);
  const first = good(await merge(tools, run, SPEC, closing));
  const next = advanced(run, first);
  tools.models.keep("1", first.input.modelDigest, first.model);
  const fromMemory = good(await merge(tools, next, SPEC, closing));
  const fromDisk = good(await merge(toolsOf(store), next, SPEC, closing));
  assert.equal(fromDisk.input.modelDigest, fromMemory.input.modelDigest);
  assert.equal(fromDisk.input.checkpointBlob, fromMemory.input.checkpointBlob);
});

test("what is missing, damaged or of another size counts nothing and stops nobody", async () => {
  const store = good(await openMemoryStore());
  const run = await newRun(store);
  const fine = await offer(store, "a", encode("fp32", delta(0.2)));
  const damaged = await offer(store, "b", new Uint8Array(2_412));
  const missing = { ...fine, ...{ contributionId: "c@1", siteId: "c" } };
  const longer = { ...(await offer(store, "d", new Uint8Array(9_000))), bytes: 2_412 };
  const gone = { ...missing, blob: `sha256:${"0".repeat(64)}` };
  const all = [fine, damaged, gone, longer];
  const { input } = good(await merge(toolsOf(store), run, SPEC, closingOf(all)));
  assert.deepEqual(
    input.rows.map((row) => [row.siteId, row.verdict]),
    [
      ["a", "passed"],
      ["b", "unreadable"],
      ["c", "unreadable"],
      ["d", "unreadable"],
    ],
  );
});

test("a full disk is answered as such, and the next try gives the same model", async () => {
  const faults = createMemoryFaults();
  const store = good(await openMemoryStore({ faults }));
  const run = await newRun(store);
  const tools = toolsOf(store);
  const closing = closingOf([await offer(store, "a", encode("fp32", delta(0.2)))]);
  faults.fullWrites = 1;
  const failed = await merge(tools, run, SPEC, closing);
  assert.equal(!failed.ok && failed.code, "STORE_FULL");
  const again = good(await merge(tools, run, SPEC, closing));
  const clean = good(await merge(toolsOf(store), run, SPEC, closing));
  assert.equal(again.input.modelDigest, clean.input.modelDigest);
});
