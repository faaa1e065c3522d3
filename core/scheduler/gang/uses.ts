// What a fit takes: node by node for the scheduler's own books, task by task for the plan.
import type { Placement } from "../../pool/index.ts";
import type { NodeState } from "../world.ts";
import type { Fit } from "./fit.ts";

/** What all tasks of one fit take from one node. Device i is marked by 1. */
export interface NodeUse {
  readonly devices: Uint8Array;
  milliCpu: number;
  memoryMiB: number;
}

/** What a fit takes from each of its nodes. */
export function usesOf(fit: Fit): ReadonlyMap<NodeState, NodeUse> {
  const uses = new Map<NodeState, NodeUse>();
  for (const { node, devices, resources } of fit.places) {
    let use = uses.get(node);
    if (use === undefined) {
      use = { devices: new Uint8Array(node.room.devices.length), milliCpu: 0, memoryMiB: 0 };
      uses.set(node, use);
    }
    for (const device of devices) use.devices[device] = 1;
    use.milliCpu += resources.milliCpu;
    use.memoryMiB += resources.memoryMiB;
  }
  return uses;
}

/** One placement a task, in the order of the job's groups. */
export function placementsOf(fit: Fit): readonly Placement[] {
  return fit.places.map(({ node, devices, resources }) => ({
    node: node.view.node.name,
    acceleratorIds: devices.map((device) => node.view.node.accelerators[device]!.id),
    milliCpu: resources.milliCpu,
    memoryMiB: resources.memoryMiB,
  }));
}
