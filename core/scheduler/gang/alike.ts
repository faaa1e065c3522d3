// Nodes of a site that answer every request alike: of one class, with the same room, and with
// nothing kept on them. Of a large pool most nodes are, full or idle, so a question is asked of few
// of them and the answer is the very same. What is asked is left to fit.ts, why.ts and backfill/.
import type { Demand, SiteCandidates } from "../demand.ts";
import type { NodeState, Room, SiteState } from "../world.ts";

/** Sorting nodes by what they have costs about as much as asking them once. */
const ASKED_FIRST = 1;

/** The nodes of one site by what they have free, at one moment. */
export class AlikeNodes {
  readonly #site: SiteState;
  readonly #roomOf: (node: NodeState) => Room;
  #asked = 0;
  /** Holdings and reservations that there were: a promise or a hold adds one. */
  #holdings = 0;
  #reservations = 0;
  /** By node: the key of its group. */
  #keys: string[] = [];
  /** Each in the order of the nodes. */
  #groups: Map<string, NodeState[]> | undefined;

  constructor(site: SiteState, roomOf: (node: NodeState) => Room) {
    this.#site = site;
    this.#roomOf = roomOf;
  }

  /** One node of each group with the number of nodes that are like it. */
  *each(): Generator<readonly [node: NodeState, count: number]> {
    const groups = this.#current();
    if (groups === undefined) for (const node of this.#site.nodes) yield [node, 1];
    else for (const group of groups.values()) yield [group[0]!, group.length];
  }

  /**
   * The candidates without those that nobody would choose: of nodes alike the first are taken, and
   * no fit uses more nodes than it has tasks. Tasks of several kinds are searched with a bound on
   * the steps, so for those all nodes stay.
   */
  few({ portions }: Demand, candidates: SiteCandidates): SiteCandidates {
    const [only] = portions;
    const groups = portions.length === 1 ? this.#current() : undefined;
    if (groups === undefined || only === undefined) return candidates;
    const nodes: NodeState[] = [];
    for (const group of groups.values()) {
      if (only.matching[group[0]!.classIndex] === undefined) continue;
      const most = Math.min(group.length, only.tasks);
      for (let at = 0; at < most; at += 1) nodes.push(group[at]!);
    }
    nodes.sort((a, b) => a.index - b.index);
    return { site: candidates.site, nodes };
  }

  #current(): ReadonlyMap<string, readonly NodeState[]> | undefined {
    this.#asked += 1;
    if (this.#asked <= ASKED_FIRST) return undefined;
    const { holdings, reservations, nodes } = this.#site;
    if (this.#groups === undefined || this.#reservations !== reservations.length) {
      this.#groups = new Map();
      this.#keys = [];
      for (const node of nodes) this.#add(node);
    } else {
      // A promise changes what is free on its own nodes alone.
      for (const { parts } of holdings.slice(this.#holdings)) {
        for (const { node } of parts) this.#move(node);
      }
    }
    this.#holdings = holdings.length;
    this.#reservations = reservations.length;
    return this.#groups;
  }

  #add(node: NodeState): void {
    const key = keyOf(node, this.#roomOf(node));
    this.#keys[node.index] = key;
    const group = this.#groups!.get(key);
    if (group === undefined) this.#groups!.set(key, [node]);
    else group.splice(placeIn(group, node), 0, node);
  }

  #move(node: NodeState): void {
    const key = this.#keys[node.index]!;
    const group = this.#groups!.get(key)!;
    group.splice(placeIn(group, node), 1);
    if (group.length === 0) this.#groups!.delete(key);
    this.#add(node);
  }
}

/** Where a node is, or belongs, in a group. */
function placeIn(group: readonly NodeState[], { index }: NodeState): number {
  if (group.length === 0 || group.at(-1)!.index < index) return group.length;
  let [low, high] = [0, group.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (group[middle]!.index < index) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Nodes on which something is kept are like no other. */
function keyOf({ classIndex, index, holds, keptFor }: NodeState, room: Room): string {
  if (holds !== undefined || keptFor !== undefined) return `only ${index}`;
  const { devices, freeDevices, left, milliCpu, memoryMiB } = room;
  // Which devices are free says itself where all are, or none.
  const some = freeDevices > 0 && freeDevices < devices.length ? devices.join("") : "";
  const parts = left === undefined ? "" : left.join(" ");
  return `${classIndex}/${milliCpu}/${memoryMiB}/${freeDevices}/${some}/${parts}`;
}

const sites = new WeakMap<SiteState, AlikeNodes>();

/** The nodes of a site as they are now. */
export function alikeNow(site: SiteState): AlikeNodes {
  const known = sites.get(site) ?? new AlikeNodes(site, ({ room }) => room);
  sites.set(site, known);
  return known;
}
