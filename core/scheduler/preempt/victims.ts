// The leases of a site in the order in which they are stopped, and the rooms that stopping leaves.
// Both are kept up for a whole pass, so that a job for which one lease stops costs about one lease
// and not all of the site. Who may be stopped for whom is choose.ts's business.
import type { SiteCandidates } from "../demand.ts";
import { byText } from "../reasons.ts";
import type { RunningView } from "../types.ts";
import {
  copyRoom,
  deviceWeight,
  giveBack,
  type Holding,
  type NodeState,
  type Part,
  type Room,
  type SiteState,
} from "../world.ts";

export interface Victim {
  readonly holding: Holding;
  readonly lease: RunningView;
  /** Device-milliseconds of work since the last checkpoint. */
  readonly lostMs: number;
}

/** So many that are stopping already may stand in a row before they are taken out of it. */
const STALE_MAX = 32;

/** A site belongs to one pass; its leases do not change in it, they are only asked to stop. */
const ranked = new WeakMap<SiteState, Victim[]>();

/** Sites and their nodes stay the same for a pass, too. */
const usefulOf = new WeakMap<SiteCandidates, ReadonlySet<NodeState>>();

/** Leases of the site that are not stopping and may be asked to, cheapest first. */
export function* victimsOf(
  candidates: SiteCandidates,
  nowMs: number,
  mayStop: (lease: RunningView) => boolean,
): Generator<Victim, undefined> {
  const { site } = candidates;
  const row = ranked.get(site) ?? rank(site, nowMs);
  let useful = usefulOf.get(candidates);
  if (useful === undefined) {
    useful = new Set(candidates.nodes);
    usefulOf.set(candidates, useful);
  }
  let stale = 0;
  for (const victim of row) {
    const { holding, lease } = victim;
    if (holding.stopping) {
      stale += 1;
      if (stale > STALE_MAX) ranked.delete(site);
      continue;
    }
    if (!holding.parts.some((part) => useful.has(part.node)) || !mayStop(lease)) continue;
    yield victim;
  }
}

function rank(site: SiteState, nowMs: number): Victim[] {
  const row: Victim[] = [];
  for (const holding of site.holdings) {
    const { lease } = holding;
    if (lease === undefined || holding.stopping) continue;
    row.push({ holding, lease, lostMs: lostWork(lease, nowMs) });
  }
  row.sort(
    (a, b) =>
      a.lostMs - b.lostMs ||
      a.lease.priority - b.lease.priority ||
      b.lease.startedAtMs - a.lease.startedAtMs ||
      byText(a.lease.leaseId, b.lease.leaseId),
  );
  ranked.set(site, row);
  return row;
}

function lostWork(lease: RunningView, nowMs: number): number {
  const safeMs = Math.max(lease.startedAtMs, lease.checkpointAtMs ?? lease.startedAtMs);
  return Math.max(0, nowMs - safeMs) * deviceWeight(lease.placements);
}

/** The rooms of a site with what stopping leases give back, and what others would. */
export class RoomsAfter {
  readonly #rooms = new Map<NodeState, Room>();

  constructor(stopping: readonly Holding[]) {
    for (const { parts } of stopping) {
      for (const part of parts) {
        if (!isEmpty(part)) giveBack(this.#own(this.#rooms, part.node), part);
      }
    }
  }

  /** The same with what these give back in addition. Only rooms that differ are copied. */
  with(chosen: readonly Victim[]): (node: NodeState) => Room {
    const rooms = new Map<NodeState, Room>();
    for (const { holding } of chosen) {
      for (const part of holding.parts) giveBack(this.#own(rooms, part.node), part);
    }
    return (node) => rooms.get(node) ?? this.#rooms.get(node) ?? node.room;
  }

  #own(rooms: Map<NodeState, Room>, node: NodeState): Room {
    let room = rooms.get(node);
    if (room === undefined) {
      room = copyRoom(this.#rooms.get(node) ?? node.room);
      rooms.set(node, room);
    }
    return room;
  }
}

/** True for a part of which everything is promised to others already. */
const isEmpty = ({ devices, shared = [], milliCpu, memoryMiB }: Part): boolean =>
  devices.length === 0 && shared.length === 0 && milliCpu === 0 && memoryMiB === 0;
