// Owners in simulated worlds: offers, maintenance and recalls hold under faults, and a pool or a
// site that does not keep to them is found out.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Input, type State, step } from "../controller/index.ts";
import { simulateFaults } from "./index.ts";
import { WHOLE } from "./scale.ts";
import { SimulatedSite } from "./site.ts";
import { World, type WorldOptions } from "./world.ts";

/** Without lost messages, so that every grace must be kept, but with cuts and power cuts. */
const CALM = { ...WHOLE, noise: false, strikesMax: 30 };

function live(seed: number, options: WorldOptions = {}): World {
  const world = new World(seed, { scale: CALM, ...options });
  world.run();
  return world;
}

/** The first broken rule among some worlds. */
function foundOut(options: WorldOptions): string {
  for (let seed = 1; seed <= 30; seed += 1) {
    try {
      live(seed, options);
    } catch (error) {
      return (error as Error).message;
    }
  }
  return "nobody noticed";
}

test("what owners recall has really ended when its grace is over, in many worlds", () => {
  let [recalled, offers, windows] = [0, 0, 0];
  for (let seed = 1; seed <= 15; seed += 1) {
    const world = live(seed);
    recalled += world.counts().recalled;
    for (const { type } of world.journal) {
      if (type === "member.offered") offers += 1;
      if (type === "member.maintenancePlanned") windows += 1;
    }
  }
  const drawn = `${recalled} recalled, ${offers} offers, ${windows} windows`;
  assert.ok(recalled > 30 && offers > 20 && windows > 10, drawn);
});

test("a pool that grants what its owner does not lend is found out", () => {
  const decide = (state: State, input: Input) => {
    if (input.type !== "schedule") return step(state, input);
    // The scheduler of this pool has not heard of the owners.
    const offers = [...state.members.values()].map((member) => ({ member, ...member }));
    for (const { member } of offers) {
      delete member.offer;
      delete member.windows;
      delete member.recalledDevices;
    }
    const result = step(state, input);
    for (const { member, offer, windows, recalledDevices } of offers) {
      if (offer !== undefined) member.offer = offer;
      if (windows !== undefined) member.windows = windows;
      if (recalledDevices !== undefined) member.recalledDevices = recalledDevices;
    }
    return result;
  };
  assert.match(foundOut({ decide }), /is granted|are granted/);
});

test("a site that goes on after a recall is found out", () => {
  class Stubborn extends SimulatedSite {
    override receive(message: Parameters<SimulatedSite["receive"]>[0]): void {
      const stops =
        message.type === "orders" && message.orders.some((order) => order.stop !== null);
      if (!stops) super.receive(message);
    }
  }
  const makeSite: WorldOptions["makeSite"] = (kind, world) => new Stubborn(kind, world);
  assert.match(foundOut({ makeSite }), /within the grace of its recall/);
});

test("the harsh worlds hold the owners' rules, too", () => {
  for (let seed = 201; seed <= 208; seed += 1) {
    assert.equal(simulateFaults(seed).broken, undefined, `seed ${seed}`);
  }
});
