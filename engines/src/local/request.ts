// Checks a request to start a lease against what this site has. It leaves the question whether
// the devices are free to the pool, which knows all leases.
import { LIMITS, type Node, type Refusal, refuse } from "@tequio/core/pool";
import type { LeaseStart } from "../port.ts";

/** It becomes the name of a folder, so no path may hide in it. */
const LEASE_ID = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;

const invalid = (message: string): Refusal =>
  refuse("INVALID_REQUEST", message, "This is a fault of the pool, not of the job: report it.");

/** The first thing that is wrong with a request, or undefined. */
export function checkStart(lease: LeaseStart, node: Node): Refusal | undefined {
  if (!LEASE_ID.test(lease.leaseId) || lease.leaseId.startsWith("measure-")) {
    return invalid(`"${lease.leaseId}" cannot be the id of a lease.`);
  }
  if (!Number.isSafeInteger(lease.fence) || lease.fence < 1) {
    return invalid(`Fence ${lease.fence} is not a whole number above 0.`);
  }
  if (lease.tasks.length === 0 || lease.tasks.length > LIMITS.GANG_TASKS_MAX) {
    return invalid(`A lease of ${lease.tasks.length} tasks cannot be started.`);
  }
  const indexes = new Set(lease.tasks.map((task) => task.taskIndex));
  if (indexes.size < lease.tasks.length) return invalid("Two tasks have the same index.");
  const ids = new Set(node.accelerators.map((accelerator) => accelerator.id));
  for (const { command, placement, taskIndex } of lease.tasks) {
    if (!Number.isSafeInteger(taskIndex) || taskIndex < 0) {
      return invalid(`Task index ${taskIndex} is not a whole number.`);
    }
    if (command.length === 0 || command[0] === "") return invalid("A task has no command.");
    if (placement.node !== node.name) return invalid(`There is no node "${placement.node}" here.`);
    const unknown = placement.acceleratorIds.find((id) => !ids.has(id));
    if (unknown !== undefined) return invalid(`Node ${node.name} has no accelerator "${unknown}".`);
  }
  return undefined;
}
