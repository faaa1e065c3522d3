// May the node's owner serve the job? Names are compared exactly: they are identifiers.
import { type Checker, listed } from "./checker.ts";

export const member: Checker = {
  check: ({ constraints }, view) => {
    if (constraints.excludeMembers.includes(view.member)) {
      return { code: "MEMBER_EXCLUDED", text: `member ${view.member} is excluded by the job` };
    }
    if (constraints.members.length === 0 || constraints.members.includes(view.member)) {
      return undefined;
    }
    return { code: "MEMBER_EXCLUDED", text: `member ${view.member} is not one the job names` };
  },
  closest: (_need, views) => `Members of the pool: ${listed(views.map((view) => view.member))}.`,
};
