// The comparison itself, for any mixture of orders, engine states and memories: what must never be
// done is never planned, and what must be done always is.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LeaseStatus } from "@tequio/engines";
import fc from "fast-check";
import type { LeaseMemory } from "./outbox.ts";
import { type Action, planLeases, type Sight } from "./plan.ts";
import { runOrder, stopOrder } from "./testing/setup.ts";

const IDS = ["L1", "L2", "L3"];

interface Case {
  readonly want: "run" | "stop" | "none";
  readonly engine: "none" | "starting" | "running" | "stopping" | "ended";
  readonly memory: "none" | "accepted" | "starting" | "running" | "ended" | "refused";
  readonly settled: boolean;
  /** The owner's terms do not allow it. */
  readonly outside: boolean;
}

const oneCase: fc.Arbitrary<Case> = fc.record({
  want: fc.constantFrom("run", "stop", "none"),
  engine: fc.constantFrom("none", "starting", "running", "stopping", "ended"),
  memory: fc.constantFrom("none", "accepted", "starting", "running", "ended", "refused"),
  settled: fc.boolean(),
  outside: fc.boolean(),
});

function statusOf(leaseId: string, state: Exclude<Case["engine"], "none">): LeaseStatus {
  const head = { leaseId, jobId: leaseId, attempt: 1, fence: 1 };
  if (state === "starting") return { ...head, state };
  if (state !== "ended") return { ...head, state, ranMs: 5 };
  const end = { exitCode: 0, signal: null, message: "It ended.", tasks: [] };
  return { ...head, state, endedBy: "itself", ranMs: 5, ...end };
}

function memoryOf(leaseId: string, last: Exclude<Case["memory"], "none">): LeaseMemory {
  const memory = { leaseId, jobId: leaseId, fence: 1, tasks: 1, last };
  if (last === "ended") {
    const end = { exitCode: 0, signal: null, ranMs: 5, endedBy: "itself", message: "" } as const;
    return {
      ...memory,
      final: { reportId: "r", leaseId, fence: 1, event: { kind: last, ...end } },
    };
  }
  if (last !== "refused") return memory;
  const event = { kind: last, code: "ENGINE_FAILED", message: "" } as const;
  return { ...memory, final: { reportId: "r", leaseId, fence: 1, event } };
}

function sightOf(cases: readonly Case[], complete: boolean, mayStart: boolean): Sight {
  const orders = new Map();
  const memories = new Map<string, LeaseMemory>();
  const statuses: LeaseStatus[] = [];
  for (const [place, one] of cases.entries()) {
    const id = IDS[place]!;
    if (one.want === "run") orders.set(id, runOrder(id, { jobId: id }));
    if (one.want === "stop") orders.set(id, stopOrder(id));
    if (one.engine !== "none") statuses.push(statusOf(id, one.engine));
    if (one.memory !== "none") memories.set(id, memoryOf(id, one.memory));
  }
  return {
    ...{ orders, complete, statuses, mayStart },
    memoryOf: (id) => memories.get(id),
    unfinished: [...memories.values()].filter((memory) => memory.final === undefined),
    isSettled: (id) => cases[IDS.indexOf(id)]!.settled,
    refuses: ({ leaseId }) => (cases[IDS.indexOf(leaseId)]!.outside ? "not lent" : undefined),
    outside: (id) =>
      cases[IDS.indexOf(id)]?.outside === true ? { why: "not lent", graceMs: 7 } : undefined,
  };
}

/** What is planned for one lease. */
function planned(actions: readonly Action[], id: string): readonly string[] {
  return actions
    .filter((action) => (action.do === "start" ? action.order.leaseId : action.leaseId) === id)
    .map((action) => (action.do === "report" ? `report ${action.event.kind}` : action.do));
}

test("for any mixture, each lease gets what it must and nothing that it must not", () => {
  const cases = fc.array(oneCase, { minLength: 3, maxLength: 3 });
  const holds = (given: readonly Case[], complete: boolean, mayStart: boolean): void => {
    const actions = planLeases(sightOf(given, complete, mayStart));
    for (const [place, one] of given.entries()) {
      const own = planned(actions, IDS[place]!);
      const over = one.memory === "ended" || one.memory === "refused";
      const fresh = one.memory === "none" || one.memory === "accepted";
      const live = !["none", "ended"].includes(one.engine);
      const mayOne = one.want === "run" && one.engine === "none" && fresh && mayStart;
      assert.equal(own.includes("start"), mayOne && !one.outside, "start");
      assert.equal(own.includes("report refused"), mayOne && one.outside, "refused");
      const unwanted = one.want === "stop" || over || (one.want === "none" && complete);
      const mustStop = live && (unwanted || one.outside);
      assert.equal(own.includes("stop"), mustStop, "stop");
      if (over)
        assert.ok(
          own.every((what) => !what.startsWith("report")),
          "nothing after the end",
        );
      const gone = one.engine === "none" && !fresh;
      assert.equal(
        own.includes("report ended"),
        !over &&
          (one.engine === "ended" ||
            gone ||
            (one.engine === "none" &&
              (one.want === "stop" ||
                (one.memory === "accepted" && one.want === "none" && complete)))),
        "end",
      );
      const mustForget = one.engine === "ended" && over && one.settled;
      assert.equal(own.includes("forget"), mustForget, "forget");
      assert.ok(own.length <= 2);
    }
  };
  fc.assert(fc.property(cases, fc.boolean(), fc.boolean(), holds), { numRuns: 2_000 });
});

test("what the engine could not start is told as refused", () => {
  const ended = statusOf("L1", "ended");
  assert.ok(ended.state === "ended");
  const long = "x".repeat(3_000);
  const status = { ...ended, endedBy: "refused", message: long } as const;
  const sight = { ...sightOf([], true, true), statuses: [status] };
  const [action] = planLeases(sight);
  assert.ok(action?.do === "report" && action.event.kind === "refused");
  assert.equal(action.event.code, "ENGINE_FAILED");
  assert.equal(action.event.message.length, 2_000);
});
