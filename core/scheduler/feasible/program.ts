// Can the node run what the job's tasks are? A browser tab trains runs with the embedded engine;
// it has no processes, so it runs no command.
import { type JobSpec, type TaskGroup, TRAINER_COMMAND } from "../../pool/index.ts";
import type { Checker } from "./checker.ts";

/** What a tab says of itself as its operating system. */
const TAB = "browser";

export const program: Checker = {
  check: ({ trains }, { node }) =>
    node.os !== TAB || trains === true
      ? undefined
      : { code: "BROWSER", text: "a browser tab trains runs and runs no commands" },
  closest: () => "The pool's nodes are browser tabs, which train runs and run no commands.",
};

/** True if the tasks of a group train with the embedded engine on a node without special labels. */
export const trainsIn = ({ run }: JobSpec, { command }: TaskGroup): boolean =>
  run !== undefined &&
  (run.commandOn !== undefined || (command.length === 1 && command[0] === TRAINER_COMMAND));
