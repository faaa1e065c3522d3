// Has the node an accelerator of the model?
import { acceleratorsOf, type Checker, listed } from "./checker.ts";
import { matchesKind, matchesModel, matchesVendor } from "./matching.ts";

export const model: Checker = {
  check: ({ resources }, { node }) => {
    if (resources.accelerators === 0 || resources.model === undefined) return undefined;
    const rest = node.accelerators.filter(
      (have) => matchesKind(resources, have) && matchesVendor(resources, have),
    );
    if (rest.some((have) => matchesModel(resources, have))) return undefined;
    const have = listed(rest.map((accelerator) => accelerator.model));
    return { code: "MODEL", text: `model ${have}, not ${resources.model}` };
  },
  closest: ({ resources }, views) => {
    const rest = acceleratorsOf(views).filter(
      (have) => matchesKind(resources, have) && matchesVendor(resources, have),
    );
    return `Models in the pool: ${listed(rest.map((have) => have.model))}.`;
  },
};
