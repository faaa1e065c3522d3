// Tests of the sentences that go with a start.
import assert from "node:assert/strict";
import { test } from "node:test";
import { node, snapshot, spec, waiting } from "./fixtures.testing.ts";
import { plan } from "./plan.ts";

test("the reason of a start says what else was feasible and which place came next", () => {
  const nodes = [
    node("a", 2),
    node("b", 4, { siteId: "s2", member: "bob" }),
    node("c", 8, { siteId: "s3", member: "cat" }),
  ];
  const asks = (accelerators: number) =>
    snapshot({ nodes, waiting: [waiting("1", spec({ accelerators }))] });
  const reasonOf = (accelerators: number) => plan(asks(accelerators)).starts[0]?.reason ?? "";
  const [first, second] = reasonOf(1).split("; 2 other sites have room, ");
  assert.match(first!, /; best fit: leaves 1 of 2 accelerators free on node a$/);
  assert.equal(second, "the next best of bob leaves 3 of 4 accelerators free on node b");
  assert.match(reasonOf(4), /; 1 other site has room, the next best of cat leaves 4 of 8 /);
  assert.match(reasonOf(8), /; best fit: leaves 0 of 8 accelerators free on node c$/);
});
