// The quick search for victims against the plain one: try rows one victim longer each, then take
// victims out one by one.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { snapshotArbitrary } from "../arbitraries.testing.ts";
import { stayUntil } from "../backfill/holds.ts";
import { BOUNDS } from "../bounds.ts";
import { type Demand, makeDemand } from "../demand.ts";
import { HOUR_MS, node, occupied, running, spec } from "../fixtures.testing.ts";
import { type Fit, fitSite } from "../gang/fit.ts";
import { byText } from "../reasons.ts";
import { buildWorld, deviceWeight, roomsAfter } from "../world.ts";
import { choosePreemption, type Preemptor } from "./choose.ts";

const preemptor = (nowMs: number, priority: number): Preemptor => ({
  ...{ priority, nowMs, project: "lab", user: "eva", mayPreempt: true },
  ...stayUntil(nowMs + HOUR_MS),
  excluded: new Set(),
});

/** The ids of the victims on the demand's one site, dearest last; undefined if nothing helps. */
function plainly(demand: Demand, job: Preemptor): readonly string[] | undefined {
  const [candidates] = demand.candidates;
  const { holdings } = candidates!.site;
  const stopping = holdings.filter((holding) => holding.stopping);
  const victims = holdings.flatMap((holding) => {
    const { lease, parts } = holding;
    const useful = parts.some((part) => candidates!.nodes.includes(part.node));
    if (lease === undefined || holding.stopping || !useful) return [];
    if (!lease.preemptible || lease.priority >= job.priority) return [];
    const safeMs = Math.max(lease.startedAtMs, lease.checkpointAtMs ?? lease.startedAtMs);
    const lost = Math.max(0, job.nowMs - safeMs) * deviceWeight(lease.placements);
    return [{ holding, lease, lost }];
  });
  if (stopping.length + victims.length === 0) return undefined;
  victims.sort(
    (a, b) =>
      a.lost - b.lost ||
      a.lease.priority - b.lease.priority ||
      b.lease.startedAtMs - a.lease.startedAtMs ||
      byText(a.lease.leaseId, b.lease.leaseId),
  );
  const fitWithout = (chosen: typeof victims): Fit | undefined => {
    const rooms = roomsAfter(candidates!.site, [
      ...stopping,
      ...chosen.map(({ holding }) => holding),
    ]);
    return fitSite(demand, candidates!, rooms, BOUNDS.GANG_STEPS_MAX).fit;
  };
  let length = 0;
  while (fitWithout(victims.slice(0, length)) === undefined) {
    length += 1;
    if (length > victims.length) return undefined;
  }
  let chosen = victims.slice(0, length);
  for (const victim of [...chosen].reverse()) {
    const fewer = chosen.filter((other) => other !== victim);
    if (fitWithout(fewer) !== undefined) chosen = fewer;
  }
  return chosen.map(({ lease }) => lease.leaseId);
}

/** How many victims were chosen in all; fails where the two searches differ. */
function compare(world: ReturnType<typeof buildWorld>, job: Parameters<typeof spec>): number {
  const asked = spec(...job);
  const demand = makeDemand(asked, world);
  let victims = 0;
  for (const candidates of demand.candidates) {
    const here = { ...demand, candidates: [candidates] };
    const wanted = preemptor(world.nowMs, asked.priority);
    const expected = plainly(here, wanted);
    const chosen = choosePreemption(here, wanted)?.victims.map(({ lease }) => lease.leaseId);
    assert.deepEqual(chosen, expected);
    victims += chosen?.length ?? 0;
  }
  return victims;
}

test("the quick search stops the very leases that the plain one does", () => {
  let victims = 0;
  const ask = fc.record({
    accelerators: fc.nat({ max: 3 }),
    count: fc.integer({ min: 1, max: 3 }),
  });
  const check = fc.property(snapshotArbitrary, ask, (input, { accelerators, count }) => {
    const world = buildWorld(input.nowMs, input.nodes, input.running);
    const resources = { accelerators, milliCpu: 1_000 };
    victims += compare(world, [resources, { count, priority: 900 }]);
  });
  fc.assert(check, { numRuns: 800, seed: 4 });
  assert.ok(victims > 40, `the sample has victims: ${victims}`);
});

test("so it does where rows are long and most of them is needless", () => {
  const leases = Array.from({ length: 120 }, (_, at) =>
    running(`L${at}`, {
      preemptible: true,
      placements: [
        {
          ...{ node: `n${at % 30}`, acceleratorIds: [`gpu${Math.floor(at / 30)}`] },
          ...{ milliCpu: 1_000, memoryMiB: 0 },
        },
      ],
      checkpointAtMs: (at * 7_919) % 5_000,
    }),
  );
  const nodes = Array.from({ length: 30 }, (_, at) => node(`n${at}`, 4));
  for (const [accelerators, count] of [
    [3, 1],
    [4, 2],
    [1, 50],
    [2, 20],
  ] as const) {
    const world = buildWorld(10_000, occupied(nodes, leases), leases);
    const victims = compare(world, [{ accelerators }, { count, priority: 900 }]);
    assert.equal(victims, accelerators * count);
  }
});
