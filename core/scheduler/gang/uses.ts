// What a fit takes: node by node for the scheduler's own books, task by task for the plan.
import type { Placement } from "../../pool/index.ts";
import type { NodeState, SharedDevice } from "../world.ts";
import type { Fit } from "./fit.ts";

/** What all tasks of one fit take from one node. Device i is marked by 1. */
export interface NodeUse {
  readonly devices: Uint8Array;
  /** Parts of devices, one for each task that asks for a part. */
  readonly shared: SharedDevice[];
  milliCpu: number;
  memoryMiB: number;
}

/** What a fit takes from each of its nodes. */
export function usesOf(fit: Fit): ReadonlyMap<NodeState, NodeUse> {
  const uses = new Map<NodeState, NodeUse>();
  for (const { node, devices, resources } of fit.places) {
    let use = uses.get(node);
    if (use === undefined) {
      const none = new Uint8Array(node.room.devices.length);
      use = { devices: none, shared: [], milliCpu: 0, memoryMiB: 0 };
      uses.set(node, use);
    }
    const milli = resources.partMilli;
    for (const device of devices) {
      if (milli === undefined) use.devices[device] = 1;
      else use.shared.push({ device, milli });
    }
    use.milliCpu += resources.milliCpu;
    use.memoryMiB += resources.memoryMiB;
  }
  return uses;
}

/** All devices that a use touches, those of which it takes a part included. */
export function touched({ devices, shared }: NodeUse): Uint8Array {
  const all = devices.slice();
  for (const { device } of shared) all[device] = 1;
  return all;
}

/** One placement a task, in the order of the job's groups. */
export function placementsOf(fit: Fit): readonly Placement[] {
  return fit.places.map(({ node, devices, resources }) => ({
    node: node.view.node.name,
    acceleratorIds: devices.map((device) => node.view.node.accelerators[device]!.id),
    ...(resources.partMilli === undefined ? {} : { partMilli: resources.partMilli }),
    milliCpu: resources.milliCpu,
    memoryMiB: resources.memoryMiB,
  }));
}
