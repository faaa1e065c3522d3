// What devices count in fair share: fast ones more, within bounds, and the same whoever asks.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SHARE_MILLI } from "../../pool/index.ts";
import { gpu, nodeWith, snapshot, spec, waiting } from "../fixtures.testing.ts";
import { plan } from "../plan.ts";
import { noObservations, observe } from "./observations.ts";
import type { Device } from "./prior.ts";
import { ThroughputTable } from "./table.ts";
import { shareMilliOf as shareOf } from "./weight.ts";

const empty = new ThroughputTable(noObservations());
const share = (model: string, table = empty): number => shareOf(table, gpu(0, model));

test("an hour on a fast device counts more than one on a slow one, on a processor least", () => {
  const cpu = shareOf(empty, { kind: "cpu", model: "Xeon" });
  assert.ok(cpu < share("T4") && share("T4") < share("A10") && share("A10") < share("H100"));
  assert.equal(share("nobody knows this"), SHARE_MILLI);
});

test("what is measured moves what a device counts", () => {
  const state = noObservations();
  for (let i = 0; i < 40; i += 1) {
    // On eight kinds of work the H100 turns out no faster than the T4.
    const kind = `k${i % 8}`;
    for (const model of ["T4", "H100"]) {
      observe(state, { kind, device: gpu(0, model), count: 1, time: 1_000 });
    }
  }
  const table = new ThroughputTable(state);
  const before = share("H100") / share("T4");
  const after = share("H100", table) / share("T4", table);
  assert.ok(after < 0.5 * before && after >= 1, `${before} ${after}`);
});

test("whatever is measured, a device counts between a fiftieth and fifty", () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-9, max: 1e15, noNaN: true }), (time) => {
      const state = noObservations();
      for (let i = 0; i < 30; i += 1) {
        observe(state, { kind: `k${i}`, device: gpu(0, "X1"), count: 1, time });
        observe(state, { kind: `k${i}`, device: gpu(0, "T4"), count: 1, time: 1 });
      }
      const counts = share("X1", new ThroughputTable(state));
      assert.ok(Number.isInteger(counts) && counts >= 20 && counts <= 50_000);
    }),
    { numRuns: 40 },
  );
});

test("who got a fast device comes after who got a slow one, and again", () => {
  const nodes = ["H100", "T4", "T4"].map((model, i) => nodeWith(`n${i}`, [gpu(0, model)]));
  const jobs = ["a", "b", "a", "b"].map((project, i) =>
    waiting(`${i}`, spec({ accelerators: 1, model: i === 0 ? "H100" : "T4" }, { project })),
  );
  const projects = ["a", "b"].map((name) => ({ name, parent: null, shares: 1, usage: 0 }));
  const input = snapshot({ nodes, waiting: jobs, projects });
  const started = (change: Partial<typeof input>) =>
    plan({ ...input, ...change }).starts.map(({ jobId, shareMilli }) => [jobId, shareMilli]);
  const shareMilliOf = (device: Device): number => shareOf(empty, device);
  assert.deepEqual(started({ shareMilliOf }), [
    ["0", share("H100")],
    ["1", share("T4")],
    ["3", share("T4")],
  ]);
  // Where all devices count alike the two take turns.
  const ids = started({}).map(([jobId]) => jobId);
  assert.deepEqual(ids, ["0", "1", "2"]);
});
