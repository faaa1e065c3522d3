// What holds after any sequence of inputs, sensible or not. A failure prints the seed and the path
// that repeat it.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { statement } from "../ledger/index.ts";
import { DEFAULT_OFFER, usageOf, WHOLE_MILLI } from "../pool/index.ts";
import { acts, LEASE_OUTCOMES, world } from "./arbitraries.testing.ts";
import {
  apply,
  decodeState,
  dependencyState,
  type Event,
  emptyState,
  encodeState,
  type Input,
  type State,
  step,
} from "./index.ts";
import { itself, type Story } from "./story.testing.ts";

const RUNS = { numRuns: 150, seed: 20_261_122 };

/** Checks `holds` after every input of many sequences. */
function always(holds: (story: Story) => void, atEnd: (story: Story) => void = () => {}): void {
  const check = fc.property(acts, (sequence) => {
    const story = world();
    for (const act of sequence) {
      act(story);
      holds(story);
    }
    atEnd(story);
  });
  fc.assert(check, RUNS);
}

const nothing = (): void => {};

test("two replays of a journal give the very bytes of the state that was served", () => {
  let events = 0;
  always(nothing, (story) => {
    story.check();
    events += story.journal.length;
  });
  assert.ok(events > 3_000, `the sample has events: ${events}`);
});

test("a state that was stored and read back goes on exactly as the one that was not", () => {
  const check = fc.property(acts, acts, (first, second) => {
    const story = world();
    for (const act of first) act(story);
    const copy = decodeState(encodeState(story.state));
    const inputs: Input[] = [];
    const give = story.give.bind(story);
    story.give = (input) => {
      inputs.push({ ...input, atMs: story.atMs } as Input);
      return give(input);
    };
    for (const act of second) act(story);
    for (const input of inputs) step(copy, input);
    assert.equal(encodeState(copy), encodeState(story.state));
  });
  fc.assert(check, { ...RUNS, numRuns: 80 });
});

test("no accelerator is leased twice at one time, and no lease is without its reason", () => {
  let grants = 0;
  always((story) => {
    const taken = new Map<string, number>();
    for (const { stage, lease } of story.state.leases.values()) {
      assert.ok(lease.reason.length > 0);
      if (stage === "ended") continue;
      for (const { node, acceleratorIds, partMilli = WHOLE_MILLI } of lease.placements) {
        for (const id of acceleratorIds) {
          const one = `${lease.siteId}/${node}/${id}`;
          const milli = (taken.get(one) ?? 0) + partMilli;
          assert.ok(milli <= WHOLE_MILLI, `${one} is leased once`);
          taken.set(one, milli);
        }
      }
    }
    grants += story.events.filter(({ type }) => type === "lease.granted").length;
  });
  assert.ok(grants > 300, `the sample has leases: ${grants}`);
});

test("device time is the same in leases, ledger and statements, to the millisecond", () => {
  always(({ state }) => {
    let leased = 0;
    for (const { end, lease } of state.leases.values()) {
      if (end === null) continue;
      assert.ok(LEASE_OUTCOMES.has(end.outcome));
      assert.equal(end.usage.deviceMs, usageOf(lease.placements, end.usage.ranMs).deviceMs);
      leased += end.usage.deviceMs;
    }
    const of = (filter: object): number => statement(state.ledger, filter).totals.deviceMs;
    const sum = (by: string, names: Iterable<string>): number =>
      [...names].reduce((all, name) => all + of({ [by]: name }), 0);
    assert.equal(of({}), leased);
    assert.equal(sum("member", state.members.keys()), leased);
    assert.equal(sum("project", state.projects.keys()), leased);
  });
});

test("a lease is granted only when all that its job depends on has come about", () => {
  always(({ state, events }) => {
    for (const event of events) {
      if (event.type !== "lease.granted") continue;
      const { dependencies } = state.jobs.get(event.lease.jobId)!.spec;
      for (const one of dependencies) assert.equal(dependencyState(state, one), "satisfied");
    }
  });
});

test("a batch job has one lease at a time, and an array no more than it may", () => {
  always(({ state }) => {
    for (const job of state.jobs.values()) {
      const open = job.leaseIds.filter((id) => state.leases.get(id)!.stage !== "ended");
      if (job.spec.run === undefined) assert.ok(open.length <= 1, `job ${job.jobId}`);
      assert.equal(job.stage === "active", open.length > 0, `job ${job.jobId} is ${job.stage}`);
      assert.equal(job.outcome !== null, job.stage === "ended");
      const inQueue = state.queue.has(job.jobId);
      if (job.stage === "queued") assert.ok(inQueue, `job ${job.jobId} waits in the queue`);
      if (job.stage === "ended") assert.ok(!inQueue, `job ${job.jobId} left the queue`);
    }
    for (const [arrayId, ids] of state.arrays) {
      const running = ids.filter((id) => state.jobs.get(id)!.stage === "active").length;
      const { maxRunning } = state.jobs.get(ids[0]!)!.place!;
      assert.ok(running <= maxRunning, `array ${arrayId} runs ${running} of ${maxRunning}`);
    }
  });
});

test("fencing numbers only grow, time never goes back, and every event has its number", () => {
  always(nothing, ({ state, journal }) => {
    const replayed: State = emptyState();
    let fence = 0;
    for (const { atMs, text } of journal) {
      const event = JSON.parse(text) as Event;
      assert.ok(atMs >= replayed.nowMs);
      apply(replayed, event, atMs);
      if (event.type !== "lease.granted") continue;
      assert.ok(event.lease.fence > fence);
      fence = event.lease.fence;
    }
    assert.equal(state.seq, journal.length);
  });
});

test("a refused input changes nothing", () => {
  const check = fc.property(acts, (sequence) => {
    const story = world();
    const give = story.give.bind(story);
    story.give = (input) => {
      const before = encodeState(story.state);
      const result = give(input);
      if (!result.outcome.ok) {
        assert.deepEqual(result.events, []);
        assert.equal(encodeState(story.state), before);
      }
      return result;
    };
    for (const act of sequence) act(story);
  });
  fc.assert(check, { ...RUNS, numRuns: 80 });
});

/** Sites are healthy from now on: everybody is there, and tasks end well. */
function heal(story: Story): void {
  for (const name of story.state.members.keys()) {
    const offer = { ...DEFAULT_OFFER, shareAccelerators: true };
    story.ok({ type: "setOffer", name, siteId: null, offer });
  }
  for (const reservationId of story.state.reservations.keys()) {
    story.ok({ type: "cancelReservation", reservationId });
  }
  for (const [name, { standing }] of story.state.members) {
    const back = { type: "changeMember", name, action: "resume", graceMs: 0 } as const;
    if (standing !== "invited") story.ok(back);
  }
  for (const jobId of story.state.runs.keys()) {
    story.give({ type: "run", jobId, input: { type: "stop" } });
  }
  for (const job of [...story.state.jobs.values()]) {
    if (job.spec.run === undefined || job.stage === "ended") continue;
    if (!story.state.runs.has(job.jobId)) story.ok({ type: "cancel", jobId: job.jobId });
  }
  const sites = [...story.state.sites.values()];
  for (const { siteId, nodes } of sites) {
    story.ok({ type: "siteHere", siteId, agentVersion: "1" });
    // What the job needs was there when it was admitted.
    const many = nodes.map((one) => ({ ...one, accelerators: full(one.name) }));
    story.ok({ type: "inventory", siteId, nodes: many });
  }
}

const full = (name: string) =>
  Array.from({ length: 9 }, (_, i) => ({
    ...{ id: `gpu${i}`, kind: "gpu" as const, vendor: "NVIDIA", model: `H100 of ${name}` },
    memoryMiB: 81_920,
  }));

test("once sites are healthy every accepted job reaches an end", () => {
  let jobs = 0;
  always(nothing, (story) => {
    heal(story);
    for (let round = 0; story.state.queue.size > 0 || busy(story); round += 1) {
      assert.ok(round < 200, `jobs ${[...story.state.queue.keys()].join(", ")} reach an end`);
      story.pass(1_000, "s0", "s1", "s2");
      story.ok({ type: "schedule" });
      for (const { stage, lease } of [...story.state.leases.values()]) {
        if (stage !== "ended") story.report(lease.leaseId, itself(0));
      }
    }
    for (const job of story.state.jobs.values()) assert.equal(job.stage, "ended");
    jobs += story.state.jobs.size;
    story.check();
  });
  assert.ok(jobs > 300, `the sample has jobs: ${jobs}`);
});

const busy = (story: Story): boolean =>
  [...story.state.sites.values()].some((site) => site.openLeases.length > 0);
