// `tequio checkpoint [ID]`: says that a job's work so far is safe, so that the scheduler knows what
// is lost if it is preempted. Called by the job itself after it has written its checkpoint: within
// a task the id comes from the environment.
import type { Command } from "commander";
import { writeJson } from "../report.ts";
import { type Shell, usage } from "../verb.ts";

/** Adds the flags and the action of `tequio checkpoint`. */
export function define(command: Command, shell: Shell): void {
  command.argument("[id]", "Job id; default: the job that this runs in, $TEQUIO_JOB_ID").action(
    shell.act(async (given: string | undefined) => {
      const id = given ?? shell.terminal.env.TEQUIO_JOB_ID;
      if (id === undefined || id === "") {
        return usage("No job is named.", "Give its id, or call it within a task of the job.");
      }
      const reply = await (await shell.pool()).call("checkpointJob", { params: { id } });
      if (!reply.ok) return reply;
      if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
      shell.terminal.out(`Job ${id}: its work so far is safe.\n`);
      return undefined;
    }),
  );
}
