// What to do about the leases of this site: a pure comparison of what the pool wants, what the
// engine has, and what was reported. It is made anew after every change and after every restart,
// so no step depends on an earlier one having been remembered. leases.ts carries it out.
import type { LeaseOrder } from "@tequio/contract";
import { LIMITS } from "@tequio/core/pool";
import type { EndedLease, LeaseStatus } from "@tequio/engines";
import type { LeaseMemory, ReportEvent } from "./outbox.ts";
import type { Outside } from "./terms.ts";

/** What is known at one moment. */
export interface Sight {
  /** The pool's newest order for each lease, as far as it gave one over this connection. */
  readonly orders: ReadonlyMap<string, LeaseOrder>;
  /** The orders are all that there are: any other lease must not run. */
  readonly complete: boolean;
  /** What the engine has. */
  readonly statuses: readonly LeaseStatus[];
  readonly memoryOf: (leaseId: string) => LeaseMemory | undefined;
  readonly unfinished: readonly LeaseMemory[];
  /** The site has a right to run that is not over. */
  readonly mayStart: boolean;
  /** Why an order is outside of the owner's terms and may not start. */
  readonly refuses: (order: LeaseOrder) => string | undefined;
  /** Why a lease, which may have ended meanwhile, is outside of them and may not go on. */
  readonly outside: (leaseId: string) => Outside | undefined;
  /** The pool has the lease's end and its logs; nothing here is needed any more. */
  readonly isSettled: (leaseId: string) => boolean;
}

export type Action =
  | { readonly do: "start"; readonly order: LeaseOrder }
  | {
      readonly do: "stop";
      readonly leaseId: string;
      readonly graceMs: number;
      readonly why: string;
    }
  | {
      readonly do: "report";
      readonly leaseId: string;
      readonly fence: number;
      readonly event: ReportEvent;
    }
  | { readonly do: "forget"; readonly leaseId: string };

/** The next actions, in the order in which they should be done. */
export function planLeases(sight: Sight): readonly Action[] {
  const actions: Action[] = [];
  const here = new Set(sight.statuses.map((status) => status.leaseId));
  for (const status of sight.statuses) actions.push(...forLeaseHere(sight, status));
  const absent = [...sight.orders.values()].filter((order) => !here.has(order.leaseId));
  // Of two orders for one job only the newer may run: it goes first, the engine refuses the other.
  absent.sort((a, b) => b.fence - a.fence);
  for (const order of absent) actions.push(...forLeaseAbsent(sight, order));
  for (const lease of sight.unfinished) {
    if (here.has(lease.leaseId) || sight.orders.has(lease.leaseId)) continue;
    if (lease.last !== "accepted") actions.push(lost(lease));
    else if (sight.complete) actions.push(neverStarted(lease, "The pool wants it no more."));
  }
  return actions;
}

function forLeaseHere(sight: Sight, status: LeaseStatus): readonly Action[] {
  const { leaseId, fence } = status;
  const memory = sight.memoryOf(leaseId);
  const over = memory?.final !== undefined;
  if (status.state === "ended") {
    if (!over) {
      return [{ do: "report", leaseId, fence, event: byOwner(sight, status, eventOfEnd(status)) }];
    }
    return sight.isSettled(leaseId) ? [{ do: "forget", leaseId }] : [];
  }
  const actions: Action[] = [];
  const seen = status.state === "starting" ? "starting" : "running";
  const news = memory === undefined || memory.last === "accepted" || memory.last === "starting";
  if (!over && news && memory?.last !== seen) {
    actions.push({ do: "report", leaseId, fence, event: { kind: seen } });
  }
  const order = sight.orders.get(leaseId);
  const outside = sight.outside(leaseId);
  if (order?.want === "stop") actions.push(stopAsOrdered(order));
  else if (outside !== undefined) actions.push({ do: "stop", leaseId, ...outside });
  else if (over || (order === undefined && sight.complete)) {
    const why = "The pool does not list this lease.";
    actions.push({ do: "stop", leaseId, graceMs: LIMITS.STOP_GRACE_MS, why });
  }
  return actions;
}

function forLeaseAbsent(sight: Sight, order: LeaseOrder): readonly Action[] {
  const memory = sight.memoryOf(order.leaseId);
  if (memory?.final !== undefined) return [];
  if (memory !== undefined && memory.last !== "accepted") return [lost(memory)];
  if (order.want === "stop") return [neverStarted(order, "It was stopped before it started.")];
  if (!sight.mayStart) return [];
  const why = sight.refuses(order);
  if (why === undefined) return [{ do: "start", order }];
  const { leaseId, fence } = order;
  const event = { kind: "refused", code: "OUTSIDE_OFFER", message: clip(why) } as const;
  return [{ do: "report", leaseId, fence, event }];
}

/** An end that nobody but the owner's terms asked for is told as such. */
function byOwner({ orders, outside }: Sight, end: EndedLease, event: ReportEvent): ReportEvent {
  const why = outside(end.leaseId)?.why;
  const asked = orders.get(end.leaseId)?.want === "stop";
  if (why === undefined || asked || event.kind !== "ended" || event.endedBy !== "stop")
    return event;
  return { ...event, endedBy: "offer", message: clip(why) };
}

const stopAsOrdered = (order: LeaseOrder): Action => ({
  do: "stop",
  leaseId: order.leaseId,
  graceMs: order.stop?.graceMs ?? LIMITS.STOP_GRACE_MS,
  why: order.stop?.reason ?? "The pool asked for it.",
});

interface Named {
  readonly leaseId: string;
  readonly fence: number;
}

const nothingRan = { kind: "ended", exitCode: null, signal: null, ranMs: 0 } as const;

const neverStarted = ({ leaseId, fence }: Named, message: string): Action => ({
  do: "report",
  leaseId,
  fence,
  event: { ...nothingRan, endedBy: "stop", message },
});

/** It was started and the engine has no trace of it. How long it ran nobody knows: 0 is charged. */
const lost = ({ leaseId, fence }: Named): Action => ({
  do: "report",
  leaseId,
  fence,
  event: { ...nothingRan, endedBy: "lost", message: "The site has no trace of it any more." },
});

/** Characters of a message, as the contract allows. */
const MESSAGE_CHARS_MAX = 2_000;
export const clip = (text: string): string => text.slice(0, MESSAGE_CHARS_MAX);

/** The report of an end that the engine told. */
export function eventOfEnd(end: EndedLease): ReportEvent {
  const message = clip(end.message);
  if (end.endedBy === "refused") return { kind: "refused", code: "ENGINE_FAILED", message };
  const { exitCode, signal, endedBy } = end;
  const ranMs = Math.max(0, Math.round(end.ranMs));
  return { kind: "ended", exitCode, signal, ranMs, endedBy, message };
}
