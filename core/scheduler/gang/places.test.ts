// Places of a gang, looked up again: what is gone is left out, and nothing is counted twice.
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeDemand } from "../demand.ts";
import { node, spec } from "../fixtures.testing.ts";
import { buildWorld } from "../world.ts";
import { fitOfPlaces, placesIn, placesOf, wholePortion } from "./places.ts";

const on = (name: string, ...ids: readonly string[]) => ({
  ...{ node: name, acceleratorIds: ids, milliCpu: 0, memoryMiB: 0 },
});

test("places are found again in their order, without what is gone or takes no work", () => {
  const away = { schedulable: false };
  const world = buildWorld(0, [node("a", 2), node("b", 2), node("c", 2, away)], []);
  const [site] = world.sites;
  const portion = wholePortion(makeDemand(spec({ accelerators: 1 }, { count: 2 }), world));
  assert.ok(site !== undefined && portion !== undefined);
  const asked = [on("b", "gpu1"), on("gone", "gpu0"), on("c", "gpu0"), on("a", "gpu7")];
  const places = placesOf(site, portion, [...asked, on("a", "gpu0")]);
  assert.deepEqual(
    places.map((place) => [place.node.view.node.name, ...place.devices]),
    [
      ["b", 1],
      ["a", 0],
    ],
  );
  assert.equal(fitOfPlaces(site, portion, places).nodesUsed, 2);
});

test("a device is free for one of two places", () => {
  const world = buildWorld(0, [node("a", 2)], []);
  const [site] = world.sites;
  const portion = wholePortion(makeDemand(spec({ accelerators: 1 }), world));
  assert.ok(site !== undefined && portion !== undefined);
  const twice = placesOf(site, portion, [on("a", "gpu0"), on("a", "gpu0"), on("a", "gpu1")]);
  assert.equal(twice.length, 3);
  assert.equal(placesIn(twice, ({ room }) => room).length, 2);
  assert.equal(site.nodes[0]?.room.freeDevices, 2, "the rooms themselves stay as they are");
});
