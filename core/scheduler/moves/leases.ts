// Moves of leases, for a job that waits although enough is free, only in the wrong places. A site
// of the scheduler's world becomes flat tables, the search finds the moves, and they come back as
// leases and devices. Moves stay on their site, where their checkpoints are. Whether they are
// worth it (worth.ts) and how they are carried out is left to the plan.
import type { Demand } from "../demand.ts";
import { ACCELERATORS_PER_NODE_MAX, NodeTable, WHOLE } from "../placement/nodes.ts";
import type { Place } from "../placement/placer.ts";
import type { KnownRequest } from "../placement/requests.ts";
import type { RunningView } from "../types.ts";
import type { NodeState, Part, SiteState } from "../world.ts";
import { Holdings } from "./holdings.ts";
import { tightestPlace } from "./places.ts";
import { MoveSearch } from "./search.ts";

/** Where one task goes. Device i is accelerator i of the node. */
export interface TaskPlace {
  readonly node: NodeState;
  readonly devices: readonly number[];
}

export interface LeaseMove {
  readonly lease: RunningView;
  readonly from: TaskPlace;
  readonly to: TaskPlace;
}

export interface LeaseMoves {
  readonly site: SiteState;
  /** In this order each finds its new place free. */
  readonly moves: readonly LeaseMove[];
  /** Places of the waiting job's tasks afterwards, in the order of its groups. */
  readonly tasks: readonly TaskPlace[];
}

export interface LeaseSearch {
  /** What a lease's job asks for; undefined: it may not be moved. */
  readonly movable: (lease: RunningView) => Demand | undefined;
  /** Most moves for one job. */
  readonly movesMax: number;
  /** How far one move may depend on another. */
  readonly depth: number;
  /** Sites where the job may not go. */
  readonly excluded: ReadonlySet<string>;
}

/** The fewest moves on one site that let a job start; undefined: none were found. */
export function findLeaseMoves(demand: Demand, search: LeaseSearch): LeaseMoves | undefined {
  let best: LeaseMoves | undefined;
  for (const { site } of demand.candidates) {
    if (search.excluded.has(site.siteId) || site.closedFor !== undefined) continue;
    const found = new SiteTables(site, search).makeRoom(demand);
    if (found === undefined) continue;
    if (best === undefined || found.moves.length < best.moves.length) best = found;
  }
  return best;
}

class SiteTables {
  readonly #site: SiteState;
  readonly #search: LeaseSearch;
  readonly #states: readonly NodeState[];
  readonly #nodes: NodeTable;
  readonly #holdings: Holdings;
  readonly #leases = new Map<object, RunningView>();
  #requests = 0;

  constructor(site: SiteState, search: LeaseSearch) {
    this.#site = site;
    this.#search = search;
    // Where something is kept for others nothing moves in or out: the promise was made first.
    this.#states = site.nodes.filter(
      ({ room, holds, keptFor }) =>
        (holds ?? []).length === 0 &&
        keptFor === undefined &&
        room.devices.length <= ACCELERATORS_PER_NODE_MAX,
    );
    this.#nodes = new NodeTable(
      this.#states.map(({ view, room, classIndex }) => ({
        model: `class ${classIndex}`,
        accelerators: room.devices.length,
        milliCpu: view.node.milliCpu,
        memoryMiB: view.node.memoryMiB,
      })),
    );
    this.#holdings = new Holdings(this.#nodes);
    this.#load();
  }

  /** Moves for all tasks of a job, one after another; undefined: some task finds no room. */
  makeRoom(demand: Demand): LeaseMoves | undefined {
    const requests = demand.portions.map((_, portion) => this.#request(demand, portion));
    const moveSearch = new MoveSearch(this.#holdings);
    const tasks: TaskPlace[] = [];
    for (const portion of demand.portionOfTask) {
      const request = requests[portion]!;
      const { movesMax, depth } = this.#search;
      const room = { movesMax: movesMax - this.#holdings.tried, depth };
      const place = tightestPlace(this.#nodes, request) ?? moveSearch.makeRoom(request, room);
      if (place === undefined) return undefined;
      this.#holdings.reserve(request, place);
      this.#holdings.add(request, place, false);
      tasks.push(this.#taskPlace(place));
    }
    const moves = this.#holdings.take().map(({ holding, from, to }) => ({
      lease: this.#leases.get(holding)!,
      from: this.#taskPlace(from),
      to: this.#taskPlace(to),
    }));
    return { site: this.#site, moves, tasks };
  }

  #load(): void {
    const nodes = this.#nodes;
    const index = new Map(this.#states.map((state, at) => [state, at]));
    for (const [at, { room }] of this.#states.entries()) {
      nodes.freeMilliCpu[at] = room.milliCpu;
      nodes.freeMemoryMiB[at] = room.memoryMiB;
      for (const [device, free] of room.devices.entries()) {
        nodes.free[at * nodes.stride + device] = room.left?.[device] ?? free * WHOLE;
      }
    }
    for (const { lease, parts, stopping } of this.#site.holdings) {
      const part = parts[0];
      if (lease === undefined || stopping || parts.length !== 1 || part === undefined) continue;
      const demand = this.#search.movable(lease);
      const node = index.get(part.node);
      if (demand === undefined || demand.tasks !== 1 || node === undefined) continue;
      const request = this.#request(demand, 0);
      // What it holds must be what it asked for, or its new place would be another one.
      const devices = heldAs(request, part);
      if (devices?.length !== request.accelerators) continue;
      if (part.milliCpu !== request.milliCpu || part.memoryMiB !== request.memoryMiB) continue;
      this.#leases.set(this.#holdings.add(request, { node, accelerators: devices }), lease);
    }
  }

  /** A portion in the tables' terms: it fits kinds of nodes all of whose devices match. */
  #request({ portions }: Demand, portion: number): KnownRequest {
    const { need, matching } = portions[portion]!;
    const { accelerators, milliCpu, memoryMiB, partMilli = WHOLE } = need.resources;
    const kinds = new Uint8Array(this.#nodes.kinds.length);
    for (const [at, { classIndex, room }] of this.#states.entries()) {
      const devices = matching[classIndex];
      if (devices === undefined) continue;
      const all = accelerators === 0 || devices.length === room.devices.length;
      if (all && room.devices.length >= accelerators) kinds[this.#nodes.kind[at]!] = 1;
    }
    this.#requests += 1;
    return {
      id: this.#requests - 1,
      milliCpu,
      memoryMiB,
      accelerators,
      milli: accelerators === 0 ? 0 : partMilli,
      models: "",
      wholeMilli: accelerators * partMilli,
      kinds,
      models01: kinds,
    };
  }

  #taskPlace({ node, accelerators }: Place): TaskPlace {
    return { node: this.#states[node]!, devices: accelerators };
  }
}

/** Devices of a part that is held as the request asks for it: whole ones, or so much of one. */
function heldAs({ milli }: KnownRequest, { devices, shared = [] }: Part) {
  if (shared.length === 0) return milli === 0 || milli === WHOLE ? devices : undefined;
  const [only] = shared;
  if (shared.length !== 1 || devices.length > 0 || only?.milli !== milli) return undefined;
  return [only.device];
}
