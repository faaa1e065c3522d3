// Has the node enough accelerators that match in every way?
import type { NodeView } from "../types.ts";
import { type Checker, type Need, plural } from "./checker.ts";
import { matches } from "./matching.ts";

export const count: Checker = {
  check: (need, view) => {
    const wanted = need.resources.accelerators;
    const have = wanted === 0 ? 0 : matchingCount(need, view);
    if (have >= wanted) return undefined;
    return { code: "COUNT", text: `${plural(have, "matching accelerator")} < ${wanted}` };
  },
  closest: (need, views) => {
    const most = views.reduce((max, view) => Math.max(max, matchingCount(need, view)), 0);
    return `The most matching accelerators on one node are ${most}.`;
  },
};

const matchingCount = ({ resources }: Need, { node }: NodeView): number =>
  node.accelerators.filter((have) => matches(resources, have)).length;
