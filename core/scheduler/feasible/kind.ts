// Has the node an accelerator of the kind?
import { acceleratorsOf, type Checker, listed } from "./checker.ts";
import { kindOf, matchesKind } from "./matching.ts";

export const kind: Checker = {
  check: ({ resources }, { node }) => {
    if (resources.accelerators === 0) return undefined;
    if (node.accelerators.length === 0) return { code: "KIND", text: "no accelerator" };
    if (node.accelerators.some((have) => matchesKind(resources, have))) return undefined;
    return { code: "KIND", text: `no accelerator of kind ${kindOf(resources)}` };
  },
  closest: (_need, views) => {
    const kinds = acceleratorsOf(views).map((have) => have.kind);
    return kinds.length === 0
      ? "The pool has no accelerators."
      : `Kinds in the pool: ${listed(kinds)}.`;
  },
};
