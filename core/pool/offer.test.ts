// Tests of what an offer means: which devices of which nodes it lends, to whom, and its prices.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DEFAULT_OFFER, type DeviceRule, lentNodes, offeredPrice, refuseTenant } from "./offer.ts";
import type { Node } from "./resources.ts";

const node = (name: string, gpus: number, model = "H100 SXM5 80GB"): Node => ({
  ...{ name, os: "linux", arch: "x64", milliCpu: 8_000, memoryMiB: 65_536, labels: { rack: "1" } },
  accelerators: Array.from({ length: gpus }, (_, i) => ({
    ...{ id: `gpu${i}`, kind: "gpu" as const, vendor: "NVIDIA", model, memoryMiB: 81_920 },
  })),
});
const NODES = [node("b", 2), node("a", 4), node("c", 2, "A100 80GB"), node("d", 0)];

/** `a/gpu0 a/gpu1 d`: what is lent, nodes without devices by their name. */
function lent(devices: readonly DeviceRule[], recalled: readonly string[] = []): string {
  const nodes = lentNodes({ ...DEFAULT_OFFER, devices }, NODES, recalled);
  return [...nodes.values()]
    .flatMap(({ name, accelerators }) =>
      accelerators.length === 0 ? [name] : accelerators.map(({ id }) => `${name}/${id}`),
    )
    .join(" ");
}

test("rules name devices by node, kind, model and number, in the order of names", () => {
  const all = "a/gpu0 a/gpu1 a/gpu2 a/gpu3 b/gpu0 b/gpu1 c/gpu0 c/gpu1 d";
  assert.equal(lent([]), all);
  assert.equal(lent([{ count: 5 }]), "a/gpu0 a/gpu1 a/gpu2 a/gpu3 b/gpu0 d");
  assert.equal(lent([{ model: "h100", count: 1 }]), "a/gpu0");
  assert.equal(lent([{ model: "A100 80GB" }]), "c/gpu0 c/gpu1");
  assert.equal(lent([{ model: "A10" }]), "");
  assert.equal(lent([{ kind: "cpu" }]), "");
  assert.equal(lent([{ node: "b" }, { node: "a", count: 1 }]), "a/gpu0 b/gpu0 b/gpu1");
  assert.equal(lent([{ node: "d*" }]), "d");
});

test("what is recalled is not lent, and nothing is lent in its place", () => {
  assert.equal(lent([{ model: "H100", count: 2 }], ["a/gpu1"]), "a/gpu0");
  assert.equal(lent([{ node: "b" }], ["*/gpu0"]), "b/gpu1");
  assert.equal(lent([], ["a", "c*", "d"]), "b/gpu0 b/gpu1");
});

test("never more is lent than a rule counts, and never what no rule names", () => {
  const rule = fc.record(
    { node: fc.constantFrom("a", "b", "c", "a*"), count: fc.integer({ min: 0, max: 5 }) },
    { requiredKeys: [] },
  );
  const check = fc.property(fc.array(rule, { minLength: 1, maxLength: 4 }), (rules) => {
    const names = lent(rules)
      .split(" ")
      .filter((name) => name.includes("/"));
    const most = rules.reduce((sum, { count }) => sum + (count ?? Infinity), 0);
    assert.ok(names.length <= most);
    for (const name of names) {
      const owner = name.split("/")[0]!;
      assert.ok(rules.some(({ node: asked }) => asked === undefined || asked.startsWith(owner)));
    }
  });
  fc.assert(check, { numRuns: 300, seed: 1 });
});

test("labels are added and caps are kept", () => {
  const offer = {
    ...DEFAULT_OFFER,
    labels: { rack: "2", tier: "gold" },
    caps: { milliCpuPerNode: 1_000, memoryMiBPerNode: 1_000_000 },
  };
  const first = lentNodes(offer, NODES).get("a")!;
  assert.deepEqual(first.labels, { rack: "2", tier: "gold" });
  assert.deepEqual([first.milliCpu, first.memoryMiB], [1_000, 65_536]);
});

test("a project stands for those under it, refusing goes before allowing, own before both", () => {
  const tenants = { allow: ["lab"], refuse: ["rival"] };
  const offer = { ...DEFAULT_OFFER, tenants, ownProjects: ["own"] };
  assert.equal(refuseTenant(offer, ["team", "lab"]), undefined);
  assert.match(refuseTenant(offer, ["other"]) ?? "", /lends only to lab/);
  assert.match(refuseTenant(offer, ["rival", "lab"]) ?? "", /does not lend to this project/);
  assert.equal(refuseTenant(offer, ["own", "rival"]), undefined);
});

test("a model's price goes before that of its kind; without one the pool's holds", () => {
  const prices = { gpu: 5, models: [{ model: "H100", microPerDeviceHour: 9 }] };
  assert.equal(offeredPrice(prices, { kind: "gpu", model: "H100 SXM5" }), 9);
  assert.equal(offeredPrice(prices, { kind: "gpu", model: "A100" }), 5);
  assert.equal(offeredPrice(prices, { kind: "cpu", model: "share" }), undefined);
});
