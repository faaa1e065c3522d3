// Protocol A on a cluster of two nodes, and what its reader refuses.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseOpenbArrivals, parseOpenbNodes, parseOpenbPods } from "../traces/openb.ts";
import { replayOpenb } from "./openb.ts";

const NODES = `sn,cpu_milli,memory_mib,gpu,model
n0,8000,1000,1,A
n1,8000,1000,1,B
`;
const PODS = `name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec
p0,1000,10,1,1000,A
p1,1000,10,1,500,
p2,1000,10,0,0,
`;

function valueIn<T>(outcome: { ok: true; value: T } | { ok: false; message: string }): T {
  assert.ok(outcome.ok, "refused");
  return outcome.value;
}

const nodes = valueIn(parseOpenbNodes(NODES));
const pods = valueIn(parseOpenbPods(PODS));
const run = (order: readonly number[]) => {
  const arrivals = { seed: "1", pods: order, nodeRank: [0, 1] };
  return replayOpenb({ nodes, pods, arrivals, policy: "best-fit" });
};

test("what arrived and what was allocated are counted in per cent of all accelerators", () => {
  const result = run([0, 1, 1, 2]);
  assert.equal(result.columns[50], 50);
  assert.equal(result.columns[75], 75);
  assert.equal(result.allocatedAt100, 100);
  assert.equal(result.firstRejectionAt, null);
});

test("a pod that only one model can take is lost when that model is full", () => {
  const result = run([0, 0, 1]);
  assert.equal(result.firstRejectionAt, 100);
  assert.deepEqual(result.rejectedAt130, [0, 0, 1, 0, 0, 0]);
  assert.equal(result.columns[125], 75);
});

test("a broken line is refused with its number and what was expected", () => {
  const cases: readonly [string, string, RegExp][] = [
    [PODS.replace("1000,A", "1500,A"), "line 2", /gpu_milli/],
    [PODS.replace("p1,1000", "p1,-5"), "line 3", /cpu_milli/],
    [PODS.replace("p2,1000,10,0,0,", "p2,1000"), "line 4", /6 fields/],
    [PODS.replace("cpu_milli", "cpu"), "line 1", /a column cpu_milli/],
  ];
  for (const [text, at, expected] of cases) {
    const outcome = parseOpenbPods(text);
    assert.ok(!outcome.ok);
    assert.equal(outcome.at, at);
    assert.match(outcome.message, expected);
  }
});

test("arrivals that name rows which do not exist are refused", () => {
  const counts = { nodes: 2, pods: 3 };
  const good = `{"42":{"pods":[0,2,1],"nodeRank":[1,0]}}`;
  assert.deepEqual(valueIn(parseOpenbArrivals(good, counts))[0]?.pods, [0, 2, 1]);
  for (const bad of ["{", "{}", good.replace("[0,2,1]", "[3]"), good.replace("[1,0]", "[1,1]")]) {
    assert.equal(parseOpenbArrivals(bad, counts).ok, false, bad);
  }
});

test("with moves a pod finds room where others stood, and the moves are counted", () => {
  const shapes = valueIn(parseOpenbNodes(NODES.replaceAll(",1,", ",2,")));
  const arrivals = { seed: "1", pods: [1, 1, 1, 0], nodeRank: [0, 1] };
  const replay = { nodes: shapes, pods, arrivals, policy: "best-fit" } as const;
  const still = replayOpenb(replay);
  assert.deepEqual([still.movesPerPlacement, still.rejectedAt130[2]], [0, 1]);
  const moved = replayOpenb({ ...replay, moves: true });
  assert.deepEqual([moved.movesPerPlacement, moved.rejectedAt130[2]], [1 / 4, 0]);
});
