// Has the node an accelerator of the vendor?
import { acceleratorsOf, type Checker, listed } from "./checker.ts";
import { matchesKind, matchesVendor } from "./matching.ts";

export const vendor: Checker = {
  check: ({ resources }, { node }) => {
    if (resources.accelerators === 0 || resources.vendor === undefined) return undefined;
    const rest = node.accelerators.filter((have) => matchesKind(resources, have));
    if (rest.some((have) => matchesVendor(resources, have))) return undefined;
    const have = listed(rest.map((accelerator) => accelerator.vendor));
    return { code: "VENDOR", text: `vendor ${have}, not ${resources.vendor}` };
  },
  closest: ({ resources }, views) => {
    const rest = acceleratorsOf(views).filter((have) => matchesKind(resources, have));
    return `Vendors in the pool: ${listed(rest.map((have) => have.vendor))}.`;
  },
};
