// Tests of admission's memory: what was accepted once is not asked again, and never for too long.
import assert from "node:assert/strict";
import { test } from "node:test";
import { node, Story, type StoryInput, spec } from "./story.testing.ts";

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
