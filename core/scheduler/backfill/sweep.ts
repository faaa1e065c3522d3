// How early a site could have room for a job at all: leases are let end one after the other, and
// only the nodes that they leave are counted anew. Reservations are left to reserve.ts.
import type { Demand, SiteCandidates } from "../demand.ts";
import { alikeNow } from "../gang/alike.ts";
import { capacity } from "../gang/fit.ts";
import { copyRoom, giveBack, type Holding, type NodeState, type Room } from "../world.ts";

export type EndOf = (holding: Holding) => number;

/** There is room already. */
export const NOW_MS = -Infinity;

interface Ending {
  readonly holding: Holding;
  readonly endMs: number;
}

/**
 * The first end after which every kind of task alone has room on the site: NOW_MS if it has it
 * already, undefined if it never has. A job of one kind of task can start just then, one of
 * several kinds not earlier.
 */
export function roomFrom(
  { portions }: Demand,
  { site }: SiteCandidates,
  endOf: EndOf,
): number | undefined {
  const missing = portions.map((portion) => {
    let tasks = portion.tasks;
    for (const [node, count] of alikeNow(site).each()) {
      tasks -= count * capacity(portion, node, node.room, portion.tasks);
    }
    return tasks;
  });
  const enough = (): boolean => missing.every((tasks) => tasks <= 0);
  if (enough()) return NOW_MS;
  const rooms = new Map<NodeState, Room>();
  const giveBackTo = (node: NodeState, { parts }: Holding): void => {
    const room = rooms.get(node) ?? copyRoom(node.room);
    rooms.set(node, room);
    const before = portions.map((portion) => capacity(portion, node, room, portion.tasks));
    for (const part of parts) if (part.node === node) giveBack(room, part);
    for (const [at, portion] of portions.entries()) {
      missing[at]! -= capacity(portion, node, room, portion.tasks) - before[at]!;
    }
  };
  for (const { holding, endMs } of endingsOf(site, endOf)) {
    for (const node of nodesOf(holding)) giveBackTo(node, holding);
    if (enough()) return endMs;
  }
  return undefined;
}

/** The nodes that a holding has something on, each once. */
function nodesOf({ parts }: Holding): Iterable<NodeState> {
  return parts.length === 1 ? [parts[0]!.node] : new Set(parts.map(({ node }) => node));
}

interface Sorted {
  /** Holdings that there were: a pass adds some, and changes none without adding one. */
  readonly count: number;
  readonly endings: readonly Ending[];
}

const sorted = new WeakMap<SiteCandidates["site"], WeakMap<EndOf, Sorted>>();

function endingsOf(site: SiteCandidates["site"], endOf: EndOf): readonly Ending[] {
  const { holdings } = site;
  const ofSite = sorted.get(site) ?? new WeakMap<EndOf, Sorted>();
  sorted.set(site, ofSite);
  const known = ofSite.get(endOf);
  if (known?.count === holdings.length) return known.endings;
  const endings = holdings
    .map((holding): Ending => ({ holding, endMs: endOf(holding) }))
    .sort((a, b) => a.endMs - b.endMs);
  ofSite.set(endOf, { count: holdings.length, endings });
  return endings;
}
