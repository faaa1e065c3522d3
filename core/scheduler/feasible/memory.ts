// Has one of the node's otherwise fitting accelerators enough memory?
import type { Accelerator, Resources } from "../../pool/index.ts";
import { acceleratorsOf, type Checker, formatMiB } from "./checker.ts";
import { matchesKind, matchesModel, matchesVendor } from "./matching.ts";

export const memory: Checker = {
  check: ({ resources }, { node }) => {
    const wanted = resources.acceleratorMemoryMiB ?? 0;
    if (resources.accelerators === 0 || wanted === 0) return undefined;
    const largest = largestMemory(resources, node.accelerators);
    if (largest >= wanted) return undefined;
    const text = `accelerator memory ${formatMiB(largest)} < ${formatMiB(wanted)}`;
    return { code: "MEMORY", text };
  },
  closest: ({ resources }, views) => {
    const largest = largestMemory(resources, acceleratorsOf(views));
    return `The largest accelerator memory in the pool is ${formatMiB(largest)}.`;
  },
};

function largestMemory(resources: Resources, accelerators: readonly Accelerator[]): number {
  return accelerators
    .filter(
      (have) =>
        matchesKind(resources, have) &&
        matchesVendor(resources, have) &&
        matchesModel(resources, have),
    )
    .reduce((largest, have) => Math.max(largest, have.memoryMiB), 0);
}
