// Proof that the checkers can fail: each test builds a controller or a site that breaks one rule,
// and some world among the first seeds must find it out.
import assert from "node:assert/strict";
import { test } from "node:test";
import { apply, type Event, type Input, type State, step } from "../controller/index.ts";
import { endLost } from "../controller/leases.ts";
import type { FaultOptions } from "./faults.ts";
import { simulateCrashes, simulateFaults } from "./index.ts";
import { SimulatedSite } from "./site.ts";

/** Worlds that a mutant may survive. */
const SEEDS_MAX = 39;

/** The rule that the first world to find the mutant out says was broken. */
function foundOut(options: FaultOptions): string {
  for (let seed = 1; seed <= SEEDS_MAX; seed += 1) {
    const { ok, broken } = simulateFaults(seed, options);
    if (!ok) return broken ?? "";
  }
  return "nobody noticed";
}

/** The real controller, but `change` may meddle with what it decided. */
const decideWith =
  (change: (state: State, input: Input, events: readonly Event[]) => readonly Event[]) =>
  (state: State, input: Input) => {
    const result = step(state, input);
    return { ...result, events: change(state, input, result.events) };
  };

test("a site that runs on after its deadline is found out", () => {
  class Stubborn extends SimulatedSite {
    override mayRun(): boolean {
      return true;
    }
  }
  const rule = foundOut({ makeSite: (kind, world) => new Stubborn(kind, world) });
  assert.match(rule, /runs (once|one lease) at a time/);
});

test("a pool that gives leases up before their deadline is found out", () => {
  const tooEarlyMs = 25_000;
  const decide = (state: State, input: Input) => {
    const early: Event[] = [];
    if (input.type === "tick") {
      const atMs = Math.max(Math.floor(input.atMs), state.nowMs);
      const emit = (event: Event): void => {
        apply(state, event, atMs);
        early.push(event);
      };
      for (const site of state.sites.values()) {
        if (site.leaseUntilMs - tooEarlyMs > atMs) continue;
        for (const leaseId of [...site.openLeases]) endLost({ state, atMs, emit }, leaseId);
      }
    }
    const result = step(state, input);
    const wantsSchedule = result.wantsSchedule || early.length > 0;
    return { ...result, wantsSchedule, events: [...early, ...result.events] };
  };
  assert.match(foundOut({ decide }), /at a time/);
});

test("a pool whose state runs ahead of its journal is found out", () => {
  const decide = decideWith((state, input, events) => {
    if (input.type === "submit") state.nextLease += 1;
    return events;
  });
  // Numbers of leases come twice after a crash, or the fold differs at the end.
  assert.match(foundOut({ decide }), /replay|reaches an end|leased once/);
});

test("a pool that keeps an event from its journal is found out", () => {
  const decide = decideWith((_, __, events) =>
    events.filter(({ type }) => type !== "lease.corrected"),
  );
  assert.match(foundOut({ decide }), /replay gives the state that was served/);
});

test("a pool that forgets to requeue a job is found out", () => {
  const decide = (state: State, input: Input) => {
    if (input.type !== "schedule") return step(state, input);
    // What was queued again is never looked at again.
    const held = [...state.queue.keys()].filter((id) => state.jobs.get(id)!.attempts > 0);
    for (const id of held) state.queue.delete(id);
    const result = step(state, input);
    for (const id of held) state.queue.set(id, true);
    return result;
  };
  assert.match(foundOut({ decide }), /reaches an end|replay/);
});

test("a pool that books a lost lease twice as long is found out", () => {
  const decide = decideWith((state, _, events) => {
    for (const event of events) {
      if (event.type !== "lease.ended" || event.end.usage.deviceMs === 0) continue;
      const entry = state.ledger.entries.at(-1)!;
      state.ledger.entries[state.ledger.entries.length - 1] = {
        ...entry,
        usage: { ...entry.usage, deviceMs: entry.usage.deviceMs * 2 },
      };
    }
    return events;
  });
  assert.match(foundOut({ decide }), /hold the same device time|statements sum up|replay/);
});

test("a pool whose clock goes back is found out", () => {
  let inputs = 0;
  const decide = (state: State, input: Input) => {
    inputs += 1;
    if (inputs === 300) state.nowMs -= 60_000;
    return step(state, input);
  };
  assert.notEqual(foundOut({ decide }), "nobody noticed");
});

test("a pool that trusts the wall clock after a restart is found out", () => {
  const decide = decideWith((state, _, events) => {
    const kept = events.filter(({ type }) => type !== "pool.booted");
    if (kept.length < events.length) {
      state.bootedAtMs = 0;
      state.seq -= 1;
    }
    return kept;
  });
  assert.match(foundOut({ decide }), /at a time/);
});

test("a pool that merges a round twice is found out", () => {
  const decide = decideWith((_, __, events) => {
    const merged = events.find(
      (event) => event.type === "run.advanced" && event.event.type === "round.merged",
    );
    return merged === undefined ? events : [...events, merged];
  });
  assert.match(foundOut({ decide }), /is merged once/);
});

test("a crash at the one step that is not safe is found out by the sweep, and by its name", () => {
  // A pool whose answer to a submission comes before it is durable loses accepted jobs.
  let lost = false;
  const decide = (state: State, input: Input) => {
    const result = step(state, input);
    if (input.type === "boot" && state.jobs.size > 0 && !lost) {
      lost = true;
      const [first] = state.queue.keys();
      if (first !== undefined) state.queue.delete(first);
    }
    return result;
  };
  const { ok, broken } = simulateCrashes(20, { decide });
  assert.equal(ok, false);
  assert.match(broken ?? "", /^crash (before|after) step \d+ was durable: /);
});
