// Finds room for all tasks of a job on one site at one time, or for none. Tasks that ask the same
// are packed node by node, which is exact; unlike tasks are left to search.ts.
import type { Resources } from "../../pool/index.ts";
import type { Demand, Portion, SiteCandidates } from "../demand.ts";
import { partPlaces, partsFree } from "../parts/parts.ts";
import { addRanks, compareRanks, type Rank, rankNode } from "../rank/rank.ts";
import type { NodeState, Room, SiteState } from "../world.ts";
import { searchGang } from "./search.ts";

export type RoomOf = (node: NodeState) => Room;

/** Where one task goes. */
export interface TaskPlace {
  readonly node: NodeState;
  readonly devices: readonly number[];
  readonly resources: Resources;
}

export interface Fit {
  readonly site: SiteState;
  /** In the order of the job's tasks. */
  readonly places: readonly TaskPlace[];
  readonly nodesUsed: number;
  readonly rank: Rank;
  /** What else was feasible: on how many other sites, and the best of those. */
  readonly over?: { readonly sites: number; readonly next: Fit };
}

/** `gaveUp` tells "there is none" from "none was found within the steps". */
export type FitAnswer =
  | { readonly fit: Fit }
  | { readonly fit: undefined; readonly gaveUp: boolean };

/** Fits the demand into one site as `roomOf` shows it. Changes nothing. */
export function fitSite(
  demand: Demand,
  candidates: SiteCandidates,
  roomOf: RoomOf,
  stepsMax: number,
): FitAnswer {
  const none = { fit: undefined, gaveUp: false };
  // Each kind of task alone: quick, and enough to see most impossible cases.
  for (const portion of demand.portions) {
    if (roomFor(portion, candidates.nodes, roomOf) < portion.tasks) return none;
  }
  const only = demand.portions[0];
  if (demand.portions.length === 1 && only !== undefined) {
    return { fit: pack(only, candidates, roomOf) };
  }
  if (!mayFit(demand, candidates.nodes, roomOf)) return none;
  return searchGang(demand, candidates, roomOf, stepsMax);
}

/** The better of two fits: fewer nodes, then least left behind, then the site's id. */
export function compareFits(a: Fit, b: Fit): number {
  return (
    a.rank.wastesGpu - b.rank.wastesGpu ||
    a.nodesUsed - b.nodesUsed ||
    compareRanks(a.rank, b.rank) ||
    (a.site.siteId < b.site.siteId ? -1 : 1)
  );
}

/** The best of some fits, with the next best for who asks what else there was. */
export function bestOf(fits: readonly Fit[]): Fit | undefined {
  let best: Fit | undefined;
  let next: Fit | undefined;
  for (const fit of fits) {
    if (best === undefined || compareFits(fit, best) < 0) [best, next] = [fit, best];
    else if (next === undefined || compareFits(fit, next) < 0) next = fit;
  }
  if (best === undefined || next === undefined) return best;
  return { ...best, over: { sites: fits.length - 1, next } };
}

/** Tasks of a portion, at most `most`, that a room can take at one time. */
export function capacity(portion: Portion, node: NodeState, room: Room, most: number): number {
  const matching = portion.matching[node.classIndex];
  if (matching === undefined) return 0;
  const { accelerators, milliCpu, memoryMiB } = portion.need.resources;
  let tasks = most;
  if (milliCpu > 0) tasks = Math.min(tasks, Math.floor(room.milliCpu / milliCpu));
  if (memoryMiB > 0) tasks = Math.min(tasks, Math.floor(room.memoryMiB / memoryMiB));
  if (accelerators === 0 || tasks <= 0) return Math.max(0, tasks);
  if (portion.need.resources.partMilli !== undefined) {
    return Math.min(tasks, partsFree(portion.need.resources.partMilli, matching, room));
  }
  if (room.freeDevices < accelerators) return 0;
  let free = 0;
  for (const device of matching) free += room.devices[device]!;
  return Math.min(tasks, Math.floor(free / accelerators));
}

/** Tasks of the portion that the nodes can take at one time, at most all of them. */
export function roomFor(portion: Portion, nodes: readonly NodeState[], roomOf: RoomOf): number {
  let left = portion.tasks;
  for (const node of nodes) {
    left -= capacity(portion, node, roomOf(node), left);
    if (left <= 0) break;
  }
  return portion.tasks - left;
}

/** False if the tasks together ask for more than all nodes together have free. */
function mayFit(demand: Demand, nodes: readonly NodeState[], roomOf: RoomOf): boolean {
  let [devices, milliCpu, memoryMiB] = [0, 0, 0];
  for (const { tasks, need } of demand.portions) {
    // Parts may lie on devices that are not free as a whole.
    if (need.resources.partMilli === undefined) devices += tasks * need.resources.accelerators;
    milliCpu += tasks * need.resources.milliCpu;
    memoryMiB += tasks * need.resources.memoryMiB;
  }
  for (const node of nodes) {
    const room = roomOf(node);
    devices -= room.freeDevices;
    milliCpu -= room.milliCpu;
    memoryMiB -= room.memoryMiB;
  }
  return devices <= 0 && milliCpu <= 0 && memoryMiB <= 0;
}

interface Offer {
  readonly node: NodeState;
  readonly room: Room;
  readonly capacity: number;
}

/** As few nodes as possible: one that takes all that is left, else the one that takes most. */
function pack(portion: Portion, { site, nodes }: SiteCandidates, roomOf: RoomOf): Fit {
  let offers: Offer[] = [];
  for (const node of nodes) {
    const room = roomOf(node);
    const tasks = capacity(portion, node, room, portion.tasks);
    if (tasks > 0) offers.push({ node, room, capacity: tasks });
  }
  if (portion.tasks > 1) {
    // Largest first; equal ones by best fit. The sort keeps the order of names among equals.
    offers = offers
      .map((offer) => ({ offer, rank: rankNode(portion, offer.capacity, offer.node, offer.room) }))
      .sort((a, b) => b.offer.capacity - a.offer.capacity || compareRanks(a.rank, b.rank))
      .map(({ offer }) => offer);
  }
  const places: TaskPlace[] = [];
  let rank: Rank | undefined;
  let nodesUsed = 0;
  let left = portion.tasks;
  while (left > 0) {
    const best = bestFor(portion, left, offers);
    const tasks = Math.min(left, best.offer.capacity);
    const rest = rankNode(portion, tasks, best.offer.node, best.offer.room);
    rank = rank === undefined ? rest : addRanks(rank, rest);
    takeTasks(portion, tasks, best.offer, places);
    offers.splice(best.index, 1);
    nodesUsed += 1;
    left -= tasks;
  }
  return { site, places, nodesUsed, rank: rank! };
}

function bestFor(
  portion: Portion,
  tasks: number,
  offers: readonly Offer[],
): { readonly offer: Offer; readonly index: number } {
  let best: { offer: Offer; index: number; rank: Rank } | undefined;
  for (let index = 0; index < offers.length; index += 1) {
    const offer = offers[index]!;
    if (offer.capacity < tasks) continue;
    const rank = rankNode(portion, tasks, offer.node, offer.room);
    if (best === undefined || compareRanks(rank, best.rank) < 0) best = { offer, index, rank };
  }
  return best ?? { offer: offers[0]!, index: 0 };
}

function takeTasks(portion: Portion, tasks: number, offer: Offer, places: TaskPlace[]): void {
  const { node, room } = offer;
  const matching = portion.matching[node.classIndex]!;
  const { resources } = portion.need;
  if (resources.partMilli !== undefined) {
    for (const device of partPlaces(resources.partMilli, tasks, matching, room)) {
      places.push({ node, devices: [device], resources });
    }
    return;
  }
  const free = matching.filter((device) => room.devices[device] === 1);
  const each = resources.accelerators;
  for (let task = 0; task < tasks; task += 1) {
    places.push({ node, devices: free.slice(task * each, (task + 1) * each), resources });
  }
}
