// The memory that a run asks for when nobody says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { JobWire } from "./job.ts";
import { runMemoryMiB } from "./run-memory.ts";
import { toJobSpec } from "./spec.ts";

const SMALL = { vocab: 256, context: 128, width: 128, layers: 4, heads: 4 };
const LARGE = { ...SMALL, width: 320, layers: 8, heads: 8 };
const BATCHES = { referenceBatch: 16, maxBatch: 64 };

function requestOf(job: object): number {
  const parsed = JobWire.parse(job);
  const made = toJobSpec(parsed, "ana");
  assert.ok(made.ok, made.ok ? "" : made.message);
  return made.value.spec.groups[0]!.resources.memoryMiB;
}

test("the estimate holds the peaks that were measured", () => {
  // Peak of the trainer's process in MiB, at a batch that is fixed.
  const measured = [
    [SMALL, 64, 1_153],
    [LARGE, 16, 1_661],
    [{ ...SMALL, vocab: 8_192, layers: 2 }, 16, 583],
  ] as const;
  for (const [model, batch, peak] of measured) {
    const estimate = runMemoryMiB({ model, referenceBatch: batch, maxBatch: batch });
    assert.ok(estimate > peak && estimate < 1.8 * peak, `${estimate} for ${peak}`);
  }
});

test("a run asks for what its model needs, or for what its owner says", () => {
  const run = { stop: { rounds: 1 }, model: LARGE };
  assert.equal(requestOf({ run: { ...run, model: SMALL } }), 1_024);
  assert.equal(requestOf({ run }), runMemoryMiB({ model: LARGE, ...BATCHES }));
  assert.ok(requestOf({ run }) > 2_048);
  assert.equal(requestOf({ run, resources: { memory: "2G" } }), 2_048);
  // A command's own program is not known here.
  assert.equal(requestOf({ run, shell: "python train.py" }), 1_024);
});

test("every field of the model that grows makes the estimate grow", () => {
  const base = runMemoryMiB({ model: LARGE, ...BATCHES });
  for (const key of ["vocab", "context", "width", "layers", "heads"] as const) {
    const model = { ...LARGE, [key]: 32 * LARGE[key] };
    assert.ok(runMemoryMiB({ model, ...BATCHES }) > base, key);
  }
});
