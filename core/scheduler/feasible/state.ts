// Does the node take new work? Checked last: a node that could never serve the job says so even
// while it is away.
import { type Checker, listed } from "./checker.ts";

export const state: Checker = {
  check: (_need, view) =>
    view.schedulable
      ? undefined
      : {
          code: view.unavailableCode ?? "SITE_AWAY",
          text: view.unavailableReason ?? "not available",
        },
  closest: (_need, views) => `Nodes are: ${listed(views.map(stateOf))}.`,
};

const stateOf = (view: { schedulable: boolean; unavailableReason?: string }): string =>
  view.schedulable ? "available" : (view.unavailableReason ?? "not available");
