// Tests of the refusal for ever: it is given only where no idle site could serve the job.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JobSpec } from "../pool/index.ts";
import { fitsSomehow } from "./brute-force.testing.ts";
import { feasibleEver } from "./ever.ts";
import { gpu, node, nodeWith, spec } from "./fixtures.testing.ts";
import type { NodeView } from "./types.ts";

test("a refusal names every reason with its nodes, and what comes closest", () => {
  const nodes = [
    nodeWith("a", [gpu(0, "A10", 24_576)]),
    nodeWith("b", [gpu(0, "A10", 24_576)]),
    nodeWith("c", []),
  ];
  const answer = feasibleEver(spec({ accelerators: 1, acceleratorMemoryMiB: 81_920 }), nodes);
  assert.ok(!answer.ok);
  assert.equal(answer.code, "IMPOSSIBLE_REQUEST");
  assert.match(answer.message, /accelerator memory 24 GiB < 80 GiB \(2 nodes\)/);
  assert.match(answer.message, /no accelerator \(1 node\)/);
  assert.match(answer.hint, /largest accelerator memory in the pool is 24 GiB/);
});

test("a gang that is too wide is told how much room there is", () => {
  const nodes = [node("a", 4), node("b", 2), node("c", 8, { siteId: "s2" })];
  assert.ok(feasibleEver(spec({ accelerators: 1 }, { count: 8 }), nodes).ok);
  const answer = feasibleEver(spec({ accelerators: 1 }, { count: 9 }), nodes);
  assert.ok(!answer.ok);
  assert.match(answer.hint, /room for 8 of 9/);
});

test("what is busy or away now does not make a job impossible", () => {
  const busy = { freeAcceleratorIds: [], freeMilliCpu: 0, schedulable: false };
  assert.ok(feasibleEver(spec({ accelerators: 2, milliCpu: 8_000 }), [node("a", 2, busy)]).ok);
});

test("an empty pool refuses nothing, because its members are still to join", () => {
  assert.ok(feasibleEver(spec({ accelerators: 8 }), []).ok);
});

const pool = fc.array(
  fc.record({
    siteId: fc.constantFrom("s1", "s2"),
    member: fc.constantFrom("ana", "bob"),
    devices: fc.array(fc.constantFrom("A10", "A100"), { maxLength: 2 }),
    schedulable: fc.boolean(),
  }),
  { minLength: 1, maxLength: 4 },
);
const groups = fc.array(
  fc.record({
    accelerators: fc.integer({ min: 0, max: 2 }),
    milliCpu: fc.constantFrom(0, 4_000, 8_000, 9_000),
    model: fc.constantFrom(undefined, "A10", "A100"),
    count: fc.integer({ min: 1, max: 2 }),
  }),
  { minLength: 1, maxLength: 2 },
);

test("a job is refused for ever if and only if no idle site could serve it", () => {
  const answers = { yes: 0, no: 0 };
  const check = fc.property(pool, groups, fc.boolean(), (nodes, parts, onlyBob) => {
    const views = nodes.map(({ siteId, member, devices, schedulable }, index): NodeView => {
      const accelerators = devices.map((name, i) => gpu(i, name, 1_024));
      return nodeWith(`n${index}`, accelerators, { siteId, member, schedulable });
    });
    const constraints = { members: onlyBob ? ["bob"] : [], excludeMembers: [], labels: {} };
    const jobSpec: JobSpec = {
      ...spec({}, { constraints }),
      groups: parts.map(({ accelerators, milliCpu, model, count }) => {
        const wanted = model === undefined ? {} : { model };
        return spec({ accelerators, milliCpu, ...wanted }, { count }).groups[0]!;
      }),
    };
    const tasks = jobSpec.groups.flatMap(({ count, resources }) =>
      Array.from({ length: count }, () => resources),
    );
    const possible = ["s1", "s2"].some((siteId) => {
      const here = views.filter(
        (view) => view.siteId === siteId && (!onlyBob || view.member === "bob"),
      );
      return fitsSomehow(tasks, here);
    });
    answers[possible ? "yes" : "no"] += 1;
    assert.equal(feasibleEver(jobSpec, views).ok, possible);
  });
  fc.assert(check, { numRuns: 1_000, seed: 3 });
  assert.ok(answers.yes > 100 && answers.no > 100, JSON.stringify(answers));
});
