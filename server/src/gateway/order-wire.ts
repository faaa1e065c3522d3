// Orders of the controller as messages for agents. The task token is made here: it is no part of
// the state.
import type { LeaseOrder } from "@tequio/contract";
import type { Order } from "@tequio/core/controller";
import type { Resources } from "@tequio/core/pool";
import type { Signer } from "../signer.ts";

/** The message for one order. */
export function orderWire(order: Order, signer: Signer): LeaseOrder {
  const { leaseId, jobId, attempt, fence } = order.lease;
  const base = { leaseId, jobId, attempt, fence };
  if (order.stop !== null) {
    const { reason, graceMs } = order.stop;
    return { ...base, want: "stop", stop: { reason, graceMs } };
  }
  const { spec, lease, tasks } = order;
  return {
    ...base,
    want: "run",
    start: {
      walltimeMs: lease.walltimeMs,
      project: spec.project,
      user: spec.user,
      jobName: spec.name,
      tasks: tasks.map(({ group, placement }) => ({
        group: group.name,
        command: [...group.command],
        env: { ...group.env },
        placement: { ...placement, acceleratorIds: [...placement.acceleratorIds] },
        ...limitsOf(group.resources),
      })),
      taskToken: signer.taskToken(leaseId, fence),
    },
  };
}

/** Nothing for a job that asked for nothing: older agents know no limits. */
function limitsOf({ processes, diskMiB }: Resources) {
  if (processes === undefined && diskMiB === undefined) return {};
  const limits = {
    ...(processes === undefined ? {} : { processes }),
    ...(diskMiB === undefined ? {} : { diskMiB }),
  };
  return { limits };
}
