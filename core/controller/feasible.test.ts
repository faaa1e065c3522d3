// Tests of admission's memory: what was accepted once is not asked again, and never for too long.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { feasibleEver } from "../scheduler/index.ts";
import { acts, world } from "./arbitraries.testing.ts";
import { feasible } from "./feasible.ts";
import { node, Story, type StoryInput, spec } from "./story.testing.ts";
import { lentViews } from "./views.ts";

const wants = (accelerators: number): StoryInput => ({
  type: "submit",
  ...{ spec: spec({ resources: { accelerators } }), array: null, key: null },
});

test("what was accepted is refused once the nodes that could run it are gone", () => {
  const story = new Story(1);
  story.give({ type: "inventory", siteId: "s0", nodes: [node("n", 2)] });
  story.ok(wants(2));
  story.ok(wants(2));
  story.give({ type: "inventory", siteId: "s0", nodes: [node("n", 1)] });
  assert.equal(story.refused(wants(2)), "IMPOSSIBLE_REQUEST");
  story.ok(wants(1));
});

test("what was refused is accepted once another site has the nodes", () => {
  const story = new Story(1);
  story.give({ type: "inventory", siteId: "s0", nodes: [node("n", 1)] });
  story.ok(wants(1));
  assert.equal(story.refused(wants(4)), "IMPOSSIBLE_REQUEST");
  story.site("m0", "s9", [node("n", 4)]);
  story.ok(wants(4));
});

test("an empty pool accepts everything, but not for longer than it is empty", () => {
  const story = new Story();
  story.ok(wants(8));
  story.ok({ type: "inviteMember", name: "ana", secretHash: "h" });
  story.site("ana", "s1", [node("n", 1)]);
  assert.equal(story.refused(wants(8)), "IMPOSSIBLE_REQUEST");
});

test("after whatever happens the remembered nodes answer as those that are read anew", () => {
  const asked = [
    spec({ resources: { accelerators: 1 }, count: 2 }),
    spec({ resources: { accelerators: 1, partMilli: 500 }, count: 3 }),
    spec({ resources: { accelerators: 0, milliCpu: 1_000_000 } }),
    spec({ resources: { accelerators: 64 }, count: 2 }),
  ];
  let refusals = 0;
  const check = fc.property(acts, (sequence) => {
    const story = world();
    for (const act of sequence) {
      act(story);
      const { state } = story;
      for (const one of asked) {
        const anew = feasibleEver(one, lentViews(state, state.nowMs));
        assert.deepEqual(feasible(state, one), anew.ok ? { ok: true, value: undefined } : anew);
        if (!anew.ok) refusals += 1;
      }
    }
  });
  fc.assert(check, { numRuns: 40, seed: 8 });
  assert.ok(refusals > 300, `some are refused: ${refusals}`);
});
