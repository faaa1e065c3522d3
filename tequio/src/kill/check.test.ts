// The rules of the kill test, each broken on purpose: a check that cannot fail proves nothing.
// The books are folded from hand-written events, as the test itself reads them from a journal.
import assert from "node:assert/strict";
import { test } from "node:test";
import { apply, type Event, emptyState } from "@tequio/core/controller";
import { type JobSpec, type LeaseOutcome, usageOf } from "@tequio/core/pool";
import type { Books } from "./books.ts";
import { check, checkAnswers, type Witnesses } from "./check.ts";
import type { Attempt } from "./evidence.ts";
import type { PlannedJob } from "./jobs.ts";

const JOB: PlannedJob = {
  index: 0,
  lengthMs: 1_000,
  how: "sleep",
  exitCode: 0,
  takesDevice: true,
  fates: ["completed"],
};
const PLACEMENTS = [{ node: "n", acceleratorIds: ["cpu0"], milliCpu: 500, memoryMiB: 16 }];
const SPEC: JobSpec = {
  name: "job-0",
  project: "default",
  user: "ana",
  priority: 100,
  preemptible: false,
  walltimeMs: 60_000,
  groups: [
    {
      name: "main",
      count: 1,
      command: ["work"],
      env: {},
      resources: { accelerators: 1, milliCpu: 500, memoryMiB: 16 },
    },
  ],
  constraints: { members: [], excludeMembers: [], labels: {} },
  dependencies: [],
  requeue: true,
};

const attempt = (number: number, begunMs: number, lastMs: number, finished: boolean): Attempt => ({
  jobId: "1",
  attempt: number,
  pid: 100 + number,
  begunMs,
  lastMs,
  finished,
});

function lease(number: number, outcome: LeaseOutcome, ranMs: number, estimated = false): Event[] {
  const leaseId = `L${number}`;
  const granted = {
    ...{ leaseId, jobId: "1", attempt: number, siteId: "s1", placements: PLACEMENTS },
    ...{ fence: number, walltimeMs: 60_000, grantedAtMs: number * 10_000, reason: "it is free" },
  };
  const usage = usageOf(PLACEMENTS, ranMs);
  const end = { outcome, exitCode: 0, signal: null, usage, message: "" };
  return [
    { type: "lease.granted", lease: granted },
    { type: "lease.running", leaseId },
    { type: "lease.ended", leaseId, end, estimated },
  ];
}

const BEFORE: readonly Event[] = [
  { type: "pool.created", poolId: "p", name: "test" },
  { type: "member.invited", name: "lab", secretHash: "h", expiresAtMs: 1e15 },
  {
    ...{ type: "site.joined", siteId: "s1", member: "lab" },
    ...{ secretHash: "h", publicKey: "k", engine: "local" },
  } as Event,
  { type: "job.submitted", jobId: "1", spec: SPEC, place: null, key: null },
];
const REQUEUED: Event = { type: "job.requeued", jobId: "1", reason: "lost" };
const ENDED: Event = {
  ...{ type: "job.ended", jobId: "1", outcome: "completed", exitCode: 0, message: "" },
} as Event;

function fold(events: readonly Event[], lostWaits: Books["lostWaits"] = []): Books {
  const state = emptyState();
  let atMs = 10_000;
  for (const event of [...BEFORE, ...events]) {
    if (event.type === "lease.granted") atMs = event.lease.grantedAtMs;
    apply(state, event, atMs);
  }
  return { state, lostWaits, records: state.seq, boots: 0 };
}

function witnesses(change: Partial<Witnesses> = {}): Witnesses {
  const books = change.books ?? fold([...lease(1, "completed", 1_000), ENDED]);
  const sum = { deviceMs: 0, cpuMs: 0 };
  for (const { end } of books.state.leases.values()) {
    sum.deviceMs += end?.usage.deviceMs ?? 0;
    sum.cpuMs += end?.usage.cpuMs ?? 0;
  }
  return {
    accepted: [{ id: "1", job: JOB }],
    attempts: [attempt(1, 0, 1_000, true)],
    books,
    billed: { lines: [{ jobId: "1", member: "lab", ...sum }], totals: sum },
    ...change,
  };
}

/** Every violation must be of the rule that was broken, and of no other. */
function breaks(rule: RegExp, change: Partial<Witnesses>): void {
  const { violations } = check(witnesses(change));
  assert.ok(violations.length > 0, `nothing was found against ${rule}`);
  for (const violation of violations) assert.match(violation, rule);
}

const twice = [...lease(1, "lost", 500), REQUEUED, ...lease(2, "completed", 1_000), ENDED];
const both = [attempt(1, 0, 500, false), attempt(2, 500, 1_500, true)];

test("a run in which all is right breaks no rule", () => {
  assert.deepEqual(check(witnesses()).violations, []);
  const { violations, figures } = check(witnesses({ books: fold(twice), attempts: both }));
  assert.deepEqual(violations, []);
  assert.deepEqual([figures.again, figures.completed, figures.offBasisPoints], [1, 1, 0]);
});

test("two attempts that lived at one time are found, and so is one process too many", () => {
  const books = fold(twice);
  const overlap = [attempt(1, 0, 510, false), attempt(2, 500, 1_500, true)];
  breaks(/lived at one time, for 10 ms/, { books, attempts: overlap });
  const again = [attempt(1, 0, 1_000, true), { ...attempt(1, 1_000, 2_000, true), pid: 7 }];
  breaks(/wrong order/, { attempts: again });
});

test("an accepted job that is not in the journal is found, and one that nobody submitted", () => {
  const stranger = { id: "2", job: { ...JOB, index: 1 } };
  breaks(/accepted and is not in the journal/, {
    accepted: [{ id: "1", job: JOB }, stranger],
  });
  breaks(/never submitted/, { accepted: [] });
  breaks(/is another job/, { accepted: [{ id: "1", job: { ...JOB, index: 5 } }] });
});

test("an outcome that is wrong for the job is found, and a job that never ended", () => {
  breaks(/ended as completed .* not as failed/, {
    accepted: [{ id: "1", job: { ...JOB, fates: ["failed"] } }],
  });
  breaks(/never ended: it is active/, { books: fold(lease(1, "completed", 1_000)) });
});

test("a lease without a process that finished is found, and a process without a lease", () => {
  breaks(/did not finish/, { attempts: [attempt(1, 0, 1_000, false)] });
  breaks(/without a lease/, {
    attempts: [attempt(1, 0, 1_000, true), attempt(2, 1_000, 1_100, true)],
  });
});

test("a usage that stayed an estimate is found, unless nothing ever ran", () => {
  breaks(/never corrected/, { books: fold([...lease(1, "completed", 1_000, true), ENDED]) });
  const lost = (ranMs: number): Books =>
    fold([...lease(1, "lost", ranMs, true), REQUEUED, ...lease(2, "completed", 1_000), ENDED]);
  const second = attempt(2, 500, 1_500, true);
  assert.deepEqual(check(witnesses({ books: lost(0), attempts: [second] })).violations, []);
  const first = attempt(1, 0, 100, false);
  breaks(/never corrected/, { books: lost(0), attempts: [first, second] });
});

test("a ledger that is more than one percent from the truth is found, in both directions", () => {
  for (const ranMs of [980, 1_020]) {
    breaks(/the ledger's (device )?time/, {
      books: fold([...lease(1, "completed", ranMs), ENDED]),
    });
  }
  for (const ranMs of [995, 1_005]) {
    const { violations } = check(
      witnesses({ books: fold([...lease(1, "completed", ranMs), ENDED]) }),
    );
    assert.deepEqual(violations, []);
  }
});

test("a bill that is not the sum of its lines is found", () => {
  const lines = [{ jobId: "1", member: "lab", deviceMs: 999, cpuMs: 500 }];
  breaks(/deviceMs do not add up/, { billed: { lines, totals: { deviceMs: 1_000, cpuMs: 500 } } });
});

test("a job of a lost site that waits for more than a minute is found", () => {
  const wait = { jobId: "1", fromSite: "s1", toSite: "s2", waitedMs: 60_001 };
  breaks(/waited 60001 ms/, { books: fold([...lease(1, "completed", 1_000), ENDED], [wait]) });
});

test("an answer of the pool that its journal does not bear out is found", () => {
  const { state } = fold([...lease(1, "completed", 1_000), ENDED]);
  assert.deepEqual(checkAnswers([{ id: "1", outcome: "completed" }], state), []);
  assert.match(
    checkAnswers([{ id: "1", outcome: "failed" }], state).join(),
    /journal says completed/,
  );
  assert.match(checkAnswers([], state).join(), /listed 0 jobs/);
});
