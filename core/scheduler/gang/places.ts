// Places that a gang had or was promised, looked up again in this pass's world: which of them are
// still there, and which of them some rooms have. Finding new places is left to fit.ts.
import type { Placement } from "../../pool/index.ts";
import type { Demand, Portion } from "../demand.ts";
import { addRanks, rankNode } from "../rank/rank.ts";
import { copyRoom, type NodeState, type Room, type SiteState, takeDevice } from "../world.ts";
import type { Fit, RoomOf, TaskPlace } from "./fit.ts";

/** The one portion of a gang of equal tasks that hold whole devices; undefined for any other. */
export function wholePortion({ portions }: Demand): Portion | undefined {
  const [portion, ...others] = portions;
  const whole = portion?.need.resources.partMilli === undefined;
  return whole && others.length === 0 ? portion : undefined;
}

/** Placements as places, in their order, without those whose node is gone or takes no such work. */
export function placesOf(
  site: SiteState,
  portion: Portion,
  placements: readonly Placement[],
): TaskPlace[] {
  const wanted = new Set(placements.map(({ node }) => node));
  const nodes = new Map<string, NodeState>();
  for (const node of site.nodes) {
    if (wanted.has(node.view.node.name)) nodes.set(node.view.node.name, node);
  }
  const places: TaskPlace[] = [];
  for (const { node: name, acceleratorIds } of placements) {
    const node = nodes.get(name);
    const matching = node && portion.matching[node.classIndex];
    if (node === undefined || matching === undefined) continue;
    const { accelerators } = node.view.node;
    const devices = matching.filter((at) => acceleratorIds.includes(accelerators[at]!.id));
    if (devices.length !== acceleratorIds.length) continue;
    places.push({ node, devices, resources: portion.need.resources });
  }
  return places;
}

/** Those of the places that the rooms have, one beside the other. */
export function placesIn(places: readonly TaskPlace[], roomOf: RoomOf): TaskPlace[] {
  const rooms = new Map<NodeState, Room>();
  return places.filter(({ node, devices, resources }) => {
    const room = rooms.get(node) ?? copyRoom(roomOf(node));
    rooms.set(node, room);
    const { milliCpu, memoryMiB } = resources;
    if (room.milliCpu < milliCpu || room.memoryMiB < memoryMiB) return false;
    if (!devices.every((device) => room.devices[device] === 1)) return false;
    for (const device of devices) takeDevice(room, device);
    room.milliCpu -= milliCpu;
    room.memoryMiB -= memoryMiB;
    return true;
  });
}

/** The fit of tasks whose places are known; there is at least one. */
export function fitOfPlaces(site: SiteState, portion: Portion, places: readonly TaskPlace[]): Fit {
  const rank = places.map(({ node }) => rankNode(portion, 1, node, node.room)).reduce(addRanks);
  return { site, places, nodesUsed: new Set(places.map(({ node }) => node)).size, rank };
}
