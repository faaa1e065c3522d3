// Pages of a member's jobs: the same rows that looking through all jobs finds, at the cost of a
// page however many jobs there are.
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyState, type JobState, newJob, type State } from "@tequio/core/controller";
import fc from "fast-check";
import { memberJobs } from "./member-jobs.ts";
import { jobPage } from "./pages.ts";

const spec = { project: "default" } as JobState["spec"];

/** A state with two members of one site each. */
function world(): State {
  const state = emptyState();
  for (const name of ["a", "b"]) {
    state.sites.set(name, { siteId: name, member: name, openLeases: [] } as never);
  }
  return state;
}

function submit(state: State): void {
  const jobId = String(state.nextJob);
  state.nextJob += 1;
  state.jobs.set(jobId, newJob(jobId, spec, null, 1_000 + Math.floor(state.nextJob / 3)));
}

function lease(state: State, jobId: string, member: string): void {
  const job = state.jobs.get(jobId);
  if (job === undefined) return;
  const leaseId = `L${state.nextLease}`;
  state.nextLease += 1;
  state.leases.set(leaseId, { lease: { leaseId, jobId, siteId: member } } as never);
  job.leaseIds.push(leaseId);
  job.stage = "ended";
}

function leave(state: State, jobId: string): void {
  const job = state.jobs.get(jobId);
  if (job === undefined || job.stage !== "ended") return;
  for (const leaseId of job.leaseIds) state.leases.delete(leaseId);
  state.jobs.delete(jobId);
  state.archived.jobs += 1;
}

function allPages(state: State, member: string): string[] {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = jobPage(state, { state: "all", member }, 3, cursor);
    ids.push(...page.jobs.map(({ jobId }) => jobId));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return ids;
}

test("pages of a member's jobs are those that a look at every job finds, newest first", () => {
  const act = fc.record({
    what: fc.constantFrom("submit", "lease", "leave", "ask"),
    job: fc.nat(20),
    member: fc.constantFrom("a", "b"),
  });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const state = world();
      for (const { what, job, member } of acts) {
        if (what === "submit") submit(state);
        else if (what === "lease") lease(state, String(job), member);
        else if (what === "leave") leave(state, String(job));
        else memberJobs(state, member);
      }
      for (const member of ["a", "b"]) {
        const expected = [...state.jobs.values()]
          .filter((one) => one.leaseIds.some((id) => state.leases.get(id)?.lease.siteId === member))
          .map(({ jobId }) => jobId)
          .reverse();
        assert.deepEqual(allPages(state, member), expected);
      }
    }),
    { numRuns: 300 },
  );
});

test("a member's few jobs among 100,000 are found without looking at the others", () => {
  const state = world();
  for (let number = 1; number <= 100_000; number += 1) {
    submit(state);
    lease(state, String(number), number % 20_000 === 0 ? "a" : "b");
  }
  memberJobs(state, "a"); // The first question catches up with all leases.
  const page = jobPage(state, { state: "all", member: "a" }, 100, undefined);
  assert.deepEqual(
    page.jobs.map(({ jobId }) => jobId),
    ["100000", "80000", "60000", "40000", "20000"],
  );
  assert.equal(page.nextCursor, undefined, "one page holds them all: none is short");
});
