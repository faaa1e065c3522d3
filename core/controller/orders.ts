// What each site should do now, read from the state: the same answer after a crash as before it,
// so commands need no journal of their own. The shell sends it when something changed, and whole
// when an agent connects.

import {
  type JobSpec,
  type Lease,
  type Placement,
  type TaskGroup,
  TRAINER_COMMAND,
} from "../pool/index.ts";
import type { Event } from "./event.ts";
import { lentNodesOf } from "./lending.ts";
import { theJob, theLease, theSite } from "./lookup.ts";
import type { LeaseState, State } from "./state.ts";
import { taskSpec } from "./task-spec.ts";

export interface TaskOrder {
  readonly group: TaskGroup;
  readonly placement: Placement;
}

/** One lease that a site should hold, or let go. */
export interface Order {
  readonly lease: Lease;
  readonly spec: JobSpec;
  readonly tasks: readonly TaskOrder[];
  readonly stop: LeaseState["stop"];
}

/** The tasks of a lease, in the order of its placements. */
function tasksOf(state: State, spec: JobSpec, lease: Lease): TaskOrder[] {
  const groups = spec.groups.flatMap((group) => Array.from({ length: group.count }, () => group));
  return lease.placements.map((placement, i) => {
    const group = groups[i]!;
    if (hasCommandOf(state, spec, lease, placement)) return { group, placement };
    return { group: { ...group, command: [TRAINER_COMMAND] }, placement };
  });
}

/** Whether a task runs the job's command: in a mixed run only the nodes with its labels do. */
function hasCommandOf(state: State, { run }: JobSpec, lease: Lease, { node }: Placement): boolean {
  if (run?.commandOn === undefined) return true;
  const site = theSite(state, lease.siteId);
  const own = site.nodes.find(({ name }) => name === node);
  const labels = lentNodesOf(state, site)?.get(node)?.labels ?? own?.labels;
  return Object.entries(run.commandOn).every(([name, value]) => labels?.[name] === value);
}

const orderOf = (state: State, leaseId: string): Order => {
  const { lease, stop } = theLease(state, leaseId);
  const spec = taskSpec(state, theJob(state, lease.jobId));
  return { lease, spec, tasks: tasksOf(state, spec, lease), stop };
};

/** All open leases of a site. */
export const ordersOf = (state: State, siteId: string): Order[] =>
  theSite(state, siteId).openLeases.map((leaseId) => orderOf(state, leaseId));

/** Orders that the events of one step call for, by site. */
export function ordersAfter(state: State, events: readonly Event[]): Map<string, Order[]> {
  const orders = new Map<string, Order[]>();
  for (const event of events) {
    if (event.type !== "lease.granted" && event.type !== "lease.stopping") continue;
    const leaseId = event.type === "lease.granted" ? event.lease.leaseId : event.leaseId;
    if (theLease(state, leaseId).stage === "ended") continue;
    const order = orderOf(state, leaseId);
    const list = orders.get(order.lease.siteId) ?? [];
    list.push(order);
    orders.set(order.lease.siteId, list);
  }
  return orders;
}
