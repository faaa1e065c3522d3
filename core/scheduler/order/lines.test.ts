// Tests that jobs which come as lines of equal requests get the very plan that they would get one
// by one, and that a line is read no further than its turn.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { snapshotArbitrary } from "../arbitraries.testing.ts";
import { node, snapshot, spec, waiting } from "../fixtures.testing.ts";
import { plan } from "../plan.ts";
import { requestKey } from "../request-key.ts";
import type { SchedulerInput, WaitingLine, WaitingView } from "../types.ts";
import { compareJobIds } from "./job-id.ts";

/** The same queue with its plain jobs in lines. */
function inLines(input: SchedulerInput): SchedulerInput {
  const plain = (job: WaitingView): boolean => job.eligible && job.spec.run === undefined;
  const groups = Map.groupBy(input.waiting.filter(plain), (job) =>
    JSON.stringify([job.spec.priority, job.spec.project, requestKey(job.spec)]),
  );
  const lines = [...groups.values()].map((jobs): WaitingLine => {
    const sorted = jobs.toSorted(
      (a, b) => a.submittedAtMs - b.submittedAtMs || compareJobIds(a.jobId, b.jobId),
    );
    const { priority, project } = jobs[0]!.spec;
    return { priority, project, count: jobs.length, jobs: () => sorted.values() };
  });
  return { ...input, waiting: input.waiting.filter((job) => !plain(job)), lines };
}

const thrice = (job: WaitingView): WaitingView[] =>
  ["", "_1", "_2"].map((end) => ({ ...job, jobId: `${job.jobId}${end}` }));

test("lines of equal requests get the plan that their jobs get one by one", () => {
  let [starts, blocked] = [0, 0];
  const check = fc.property(snapshotArbitrary, (drawn) => {
    const input = { ...drawn, waiting: drawn.waiting.flatMap(thrice) };
    const whole = plan(input);
    const lined = plan(inLines(input));
    const places = ({ starts: all }: typeof whole) =>
      all.map(({ jobId, siteId, placements }) => ({ jobId, siteId, placements }));
    assert.deepEqual(places(lined), places(whole));
    assert.deepEqual(lined.preemptions, whole.preemptions);
    for (const { jobId, reasons } of whole.waits) {
      const job = input.waiting.find((one) => one.jobId === jobId)!;
      const own = lined.waits.find((wait) => wait.jobId === jobId)?.reasons;
      if (own === undefined) blocked += 1;
      assert.deepEqual(own ?? lined.blocked.get(requestKey(job.spec)), reasons);
    }
    starts += whole.starts.length;
  });
  fc.assert(check, { numRuns: 400, seed: 7 });
  assert.ok(starts > 300 && blocked > 50, `the sample is of both kinds: ${starts}, ${blocked}`);
});

test("a line of a million that is blocked costs the pass one look", () => {
  let read = 0;
  const jobs = function* (): Generator<WaitingView, undefined> {
    for (; read < 1_000_000; read += 1) yield waiting(`${read}`, spec({ accelerators: 1 }));
  };
  const line = { priority: 0, project: "lab", count: 1_000_000, jobs };
  const { starts, waits } = plan(snapshot({ nodes: [node("a", 4)], lines: [line] }));
  assert.equal(starts.length, 4);
  assert.equal(waits.length, 1);
  assert.ok(read < 10, `${read} jobs were read`);
});
