// Does the node lend enough processor time for one task?
import { type Checker, formatCores } from "./checker.ts";

export const cpu: Checker = {
  check: ({ resources }, { node }) =>
    node.milliCpu >= resources.milliCpu
      ? undefined
      : {
          code: "CPU",
          text: `${formatCores(node.milliCpu)} < ${formatCores(resources.milliCpu)}`,
        },
  closest: (_need, views) => {
    const most = views.reduce((max, view) => Math.max(max, view.node.milliCpu), 0);
    return `The most cores that one node lends are ${most / 1_000}.`;
  },
};
