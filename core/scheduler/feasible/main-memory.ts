// Does the node lend enough main memory for one task?
import { type Checker, formatMiB } from "./checker.ts";

export const mainMemory: Checker = {
  check: ({ resources }, { node }) =>
    node.memoryMiB >= resources.memoryMiB
      ? undefined
      : {
          code: "NODE_MEMORY",
          text: `memory ${formatMiB(node.memoryMiB)} < ${formatMiB(resources.memoryMiB)}`,
        },
  closest: (_need, views) => {
    const most = views.reduce((max, view) => Math.max(max, view.node.memoryMiB), 0);
    return `The most memory that one node lends is ${formatMiB(most)}.`;
  },
};
