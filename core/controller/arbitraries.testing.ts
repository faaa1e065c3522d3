// Random inputs for the controller, as fast-check values: what people, sites and time may say, in
// any order, sensible or not. Ids are picked among those that exist when an input is given. For
// tests only.
import fc from "fast-check";
import { DEFAULT_OFFER, type DependencyKind, type LeaseOutcome } from "../pool/index.ts";
import { node, runSpec, Story, type StoryInput, spec } from "./story.testing.ts";

type Act = (story: Story) => void;

const small = fc.nat(5);
const pick = <T>(items: readonly T[], at: number): T | undefined => items[at % items.length];
const KINDS: readonly DependencyKind[] = ["after", "afterany", "afterok", "afternotok"];
const ENDS = ["itself", "stop", "deadline", "walltime", "lost"] as const;

/** Gives an input, whatever is answered. */
const give = (story: Story, input: StoryInput): void => void story.give(input);

const submit = fc
  .record({
    gpus: fc.nat(3),
    partMilli: fc.constantFrom(undefined, undefined, 300, 500),
    count: fc.integer({ min: 1, max: 3 }),
    priority: fc.constantFrom(50, 100, 200),
    preemptible: fc.boolean(),
    requeue: fc.boolean(),
    walltimeMs: fc.constantFrom(30_000, 600_000),
    after: fc.option(fc.tuple(fc.nat(3), small)),
    array: fc.option(fc.integer({ min: 1, max: 3 })),
    key: fc.option(fc.nat(3)),
    project: fc.constantFrom("default", "lab", "nobody"),
  })
  .map(
    ({ gpus, partMilli, after, array, key, ...rest }): Act =>
      (story) => {
        const jobId = after === null ? undefined : pick([...story.state.jobs.keys()], after[1]);
        const kind = KINDS[after?.[0] ?? 0]!;
        const resources =
          partMilli === undefined ? { accelerators: gpus } : { accelerators: 1, partMilli };
        const dependencies = jobId === undefined ? [] : [{ kind, jobId }];
        give(story, {
          type: "submit",
          spec: spec({ ...rest, dependencies, resources }),
          array: array === null ? null : { indices: [0, 1, 2], maxRunning: array },
          key: key === null ? null : { key: `k${key}`, digest: `d${key % 2}` },
        });
      },
  );

const submitRun = small.map(
  (): Act => (story) => {
    give(story, { type: "submit", spec: runSpec(), array: null, key: null });
    const jobId = [...story.state.jobs.keys()].at(-1) ?? "none";
    const model = { modelDigest: "m", modelBlob: "b", heldOutLoss: 5 };
    const sizes = { parameters: 1_000, windows: 300, batchSizes: [1, 2, 4, 8, 16] };
    give(story, { type: "prepareRun", jobId, ...model, ...sizes });
  },
);

const cancel = small.map(
  (at): Act =>
    (story) => {
      give(story, { type: "cancel", jobId: pick([...story.state.jobs.keys()], at) ?? "99" });
    },
);

const report = fc
  .record({
    at: fc.nat(40),
    what: fc.constantFrom("starting", "running", "ended", "ended", "refused"),
    endedBy: fc.constantFrom(...ENDS),
    ranMs: fc.nat(100_000),
    exitCode: fc.constantFrom(0, 0, 1),
    wrongFence: fc.constantFrom(0, 0, 0, 0, 1),
  })
  .map(
    ({ at, what, endedBy, ranMs, exitCode, wrongFence }): Act =>
      (story) => {
        const held = pick([...story.state.leases.values()], at);
        if (held === undefined) return;
        const { leaseId, siteId, fence } = held.lease;
        const base = { type: "report", siteId, leaseId, fence: fence + wrongFence } as const;
        if (what === "starting" || what === "running") {
          give(story, { ...base, report: { kind: what } });
        } else if (what === "refused") {
          give(story, {
            ...base,
            report: { kind: "refused", code: "ENGINE_FAILED", message: "no" },
          });
        } else {
          const code = endedBy === "itself" ? exitCode : null;
          const ended = { kind: "ended", signal: null, message: "", exitCode: code } as const;
          give(story, { ...base, report: { ...ended, ranMs, endedBy } });
        }
      },
  );

const site = fc
  .record({
    at: fc.nat(3),
    what: fc.constantFrom("here", "away", "heartbeat", "heartbeat", "inventory", "left"),
    gpus: fc.nat(3),
  })
  .map(
    ({ at, what, gpus }): Act =>
      (story) => {
        const siteId = `s${at}`;
        if (what === "here") give(story, { type: "siteHere", siteId, agentVersion: "1" });
        else if (what === "away") give(story, { type: "siteAway", siteId, reason: "silent" });
        else if (what === "left") give(story, { type: "siteLeft", siteId, reason: "closed" });
        else if (what === "heartbeat") give(story, { type: "heartbeat", siteId });
        else give(story, { type: "inventory", siteId, nodes: [node("n", gpus)] });
      },
  );

const member = fc
  .record({
    at: fc.nat(3),
    action: fc.constantFrom("drain", "recall", "resume", "resume", "revoke-invitation"),
  })
  .map(
    ({ at, action }): Act =>
      (story) => {
        give(story, { type: "changeMember", name: `m${at}`, action, graceMs: 5_000 });
      },
  );

const run = fc
  .record({
    at: fc.nat(2),
    siteAt: fc.nat(2),
    type: fc.constantFrom("site.available", "site.available", "pause", "resume", "stop", "tick"),
  })
  .map(
    ({ at, siteAt, type }): Act =>
      (story) => {
        const jobId = pick([...story.state.runs.keys()], at);
        if (jobId === undefined) return;
        const link = { rttMs: 20, upMbitPerS: 20, downMbitPerS: 20 };
        const input = type === "site.available" ? { type, siteId: `s${siteAt}`, link } : { type };
        give(story, { type: "run", jobId, input });
      },
  );

const time = fc.constantFrom(1, 500, 3_000, 20_000, 60_000).map(
  (ms): Act =>
    (story) => {
      story.atMs += ms;
      give(story, { type: "tick" });
    },
);

const reservation = fc
  .record({
    ...{ mine: fc.boolean(), whole: fc.boolean(), cancel: fc.boolean() },
    count: fc.integer({ min: 1, max: 3 }),
    fromMs: fc.constantFrom(0, 30_000, 600_000),
    forMs: fc.constantFrom(60_000, 3_600_000),
  })
  .map(
    ({ mine, whole, cancel: cancels, count, fromMs, forMs }): Act =>
      (story) => {
        const [reservationId] = story.state.reservations.keys();
        if (cancels && reservationId !== undefined) {
          give(story, { type: "cancelReservation", reservationId });
          return;
        }
        const begins = story.atMs + fromMs;
        give(story, {
          type: "createReservation",
          ...{ project: mine ? "lab" : null, user: mine ? null : "admin" },
          ...{ unit: whole ? "nodes" : "accelerators", count, member: null, siteId: null },
          ...{ fromMs: begins, toMs: begins + forMs, reason: "" },
        });
      },
  );

const share = fc.record({ at: fc.nat(2), shareAccelerators: fc.boolean() }).map(
  ({ at, shareAccelerators }): Act =>
    (story) => {
      const offer = { ...DEFAULT_OFFER, shareAccelerators };
      give(story, { type: "setOffer", name: `m${at}`, siteId: null, offer });
    },
);

const schedule = fc.constant<Act>((story) => give(story, { type: "schedule" }));
const boot = fc.constant<Act>((story) => give(story, { type: "boot" }));

const weighed = [
  { weight: 6, arbitrary: submit },
  { weight: 1, arbitrary: submitRun },
  { weight: 8, arbitrary: report },
  { weight: 6, arbitrary: schedule },
  { weight: 4, arbitrary: time },
  { weight: 4, arbitrary: site },
  { weight: 2, arbitrary: cancel },
  { weight: 2, arbitrary: member },
  { weight: 2, arbitrary: run },
  { weight: 1, arbitrary: boot },
  { weight: 1, arbitrary: reservation },
  { weight: 1, arbitrary: share },
];
const LENGTH = { minLength: 10, maxLength: 100, size: "max" } as const;

/** A sequence of things that happen to a pool of three members. */
export const acts = fc.array(fc.oneof(...weighed), LENGTH);

const archive = fc
  .record({ endedMs: fc.constantFrom(0, 10_000), endedMax: fc.constantFrom(0, 3, 100) })
  .map(
    (keep): Act =>
      (story) => {
        story.archive(keep);
      },
  );

const month = fc.constant<Act>((story) => {
  story.atMs += 3_000_000_000;
  give(story, { type: "tick" });
});

/** The same, over months, and what is over leaves for the archive. */
export const longActs = fc.array(
  fc.oneof(...weighed, { weight: 5, arbitrary: archive }, { weight: 1, arbitrary: month }),
  LENGTH,
);

/** The pool that they happen to. */
export function world(): Story {
  const story = new Story(2, 2, 3);
  story.site("m3", "s3", [node("n", 1)], "browser");
  give(story, { type: "setProject", name: "lab", parent: null, shares: 2 });
  return story;
}

/** Ways in which a lease may end. */
export const LEASE_OUTCOMES: ReadonlySet<LeaseOutcome> = new Set([
  "completed",
  "failed",
  "cancelled",
  "timeout",
  "preempted",
  "recalled",
  "lost",
  "refused",
  "released",
]);
