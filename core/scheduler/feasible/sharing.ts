// Does the owner of the node let jobs have parts of its accelerators?
import type { Checker } from "./checker.ts";

export const sharing: Checker = {
  check: ({ resources }, { member, sharesAccelerators }) =>
    resources.partMilli === undefined || sharesAccelerators === true
      ? undefined
      : { code: "NOT_SHARED", text: `${member} lends its accelerators only as a whole` },
  closest: () => "No owner of such a node shares accelerators.",
};
