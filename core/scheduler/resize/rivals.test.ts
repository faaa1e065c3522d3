// Who keeps a gang from growing: those in the queue who go before it and could use the room, in
// whatever form they wait.
import assert from "node:assert/strict";
import { test } from "node:test";
import { HOUR_MS, node, occupied, running, snapshot, spec, waiting } from "../fixtures.testing.ts";
import { plan } from "../plan.ts";
import type { SchedulerInput, WaitingLine, WaitingView } from "../types.ts";
import { RESIZE } from "./bounds.ts";

const plain = spec({ accelerators: 1 }, { count: 4, priority: 100, walltimeMs: 90 * HOUR_MS });
const gang = { ...plain, preemptible: true, groups: [{ ...plain.groups[0]!, countMin: 1 }] };
const held = {
  ...{ node: "a", acceleratorIds: ["gpu0"], milliCpu: 1_000, memoryMiB: 1_024 },
};
const lease = running("L1", {
  ...{ jobId: "1", spec: gang, priority: 100, preemptible: true, mayGrow: true },
  ...{ placements: [held], endsAtMs: 90 * HOUR_MS },
});

/** Growths of the gang in a pool with three free devices beside it. */
function growths(change: Partial<SchedulerInput>): readonly number[] {
  const nodes = occupied([node("a", 4)], [lease]);
  const { preemptions } = plan(snapshot({ nodes, running: [lease], ...change }));
  return preemptions.map(({ moveTo }) => moveTo?.length ?? 0);
}

const wide = (jobId: string, priority: number): WaitingView =>
  waiting(jobId, spec({ accelerators: 4 }, { priority }));

function lineOf(...jobs: readonly WaitingView[]): WaitingLine {
  const { priority, project } = jobs[0]!.spec;
  const countLeading: WaitingLine["countLeading"] = (holds) => {
    const end = jobs.findIndex((job) => !holds(job));
    return end < 0 ? jobs.length : end;
  };
  function* each(): Generator<WaitingView, undefined> {
    yield* jobs;
  }
  return { priority, project, count: jobs.length, jobs: each, countLeading };
}

test("nobody waits: the gang takes all that is free", () => {
  assert.deepEqual(growths({}), [4]);
});

test("who goes before it and could use a node keeps it from growing, another does not", () => {
  const before = wide("2", 100);
  const cases: readonly (readonly [Partial<SchedulerInput>, readonly number[]])[] = [
    [{ waiting: [before] }, []],
    [{ lines: [lineOf(before)] }, []],
    [{ waiting: [{ ...before, eligible: false }] }, [4]],
    [{ waiting: [waiting("2", spec({ accelerators: 9 }, { priority: 900 }))] }, [4]],
    [{ waiting: [waiting("2", spec({ model: "A100" }, { priority: 900 }))] }, [4]],
  ];
  for (const [change, wanted] of cases) assert.deepEqual(growths(change), wanted);
});

test("jobs of a line that start in this pass are no rivals, the next one is", () => {
  const small = (jobId: string): WaitingView =>
    waiting(jobId, spec({ accelerators: 1 }, { priority: 100 }));
  assert.deepEqual(growths({ lines: [lineOf(small("2"))] }), [3]);
  const many = ["2", "3", "4", "5"].map(small);
  assert.deepEqual(growths({ lines: [lineOf(...many)] }), [], "nothing is left, and one waits");
});

test("with too many lines to ask them all the gang stands back", () => {
  const other = (at: number): WaitingView =>
    waiting(`${at + 2}`, spec({ model: "A100" }, { priority: 100 }));
  const lines = (count: number) => Array.from({ length: count }, (_, at) => lineOf(other(at)));
  assert.deepEqual(growths({ lines: lines(RESIZE.LINES_MAX) }), [4]);
  assert.deepEqual(growths({ lines: lines(RESIZE.LINES_MAX + 1) }), []);
});
