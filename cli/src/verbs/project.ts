// `tequio project`: projects with their shares and their people.
import type { Command } from "commander";
import { clock } from "../format.ts";
import { writeJson } from "../report.ts";
import { writeTable } from "../table.ts";
import { wholeFrom } from "../values.ts";
import type { Shell } from "../verb.ts";
import { changeRole } from "./role.ts";

/** Adds the flags and the action of `tequio project`. */
export function define(command: Command, shell: Shell): void {
  command
    .command("list")
    .description("Projects, their shares and what fair share remembers")
    .action(shell.act(() => list(shell)));
  const create = command
    .command("create")
    .description("Create a project, or change the shares of one")
    .argument("<name>")
    .option("--parent <name>", "The project that it is a part of")
    .option("--shares <n>", "Its weight among its neighbours", wholeFrom(1), 1);
  create.action(
    shell.act(async (name: string) => {
      const { parent, shares } = create.opts<{ parent?: string; shares: number }>();
      const body = { name, shares, ...(parent === undefined ? {} : { parent }) };
      const reply = await (await shell.pool()).call("createProject", { body });
      if (!reply.ok) return reply;
      if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
      const { shares: now, parent: above } = reply.value;
      const under = above === null ? "" : ` under ${above}`;
      shell.terminal.out(`Project ${reply.value.name}${under} has ${now} shares.\n`);
      return undefined;
    }),
  );
  const people = (word: string, what: string, endpoint: "grantRole" | "revokeRole"): void => {
    const one = command
      .command(word)
      .description(what)
      .argument("<project>")
      .argument("<user>")
      .option("--lead", "As a lead of the project, not a researcher");
    one.action(
      shell.act((project: string, user: string) => {
        const role = one.opts<{ lead?: true }>().lead === true ? "project-lead" : "researcher";
        return changeRole(endpoint, user, `${role}:${project}`, shell);
      }),
    );
  };
  people("add", "Bring a user into a project", "grantRole");
  people("remove", "Take a user out of a project", "revokeRole");
}

async function list(shell: Shell) {
  const reply = await (await shell.pool()).call("listProjects", {});
  if (!reply.ok) return reply;
  const { rows } = reply.value;
  if (shell.globals().json) return void writeJson(shell.terminal, rows);
  writeTable(
    shell.terminal,
    [
      { head: "PROJECT", cell: ({ name }) => name, least: 8 },
      { head: "UNDER", cell: ({ parent }) => parent ?? "", least: 7 },
      { head: "SHARES", cell: ({ shares }) => String(shares), align: "right" },
      { head: "REMEMBERED USE", cell: ({ usage }) => clock(usage), align: "right" },
      { head: "WAITING", cell: ({ jobsQueued }) => String(jobsQueued), align: "right" },
      { head: "RUNNING", cell: ({ jobsRunning }) => String(jobsRunning), align: "right" },
    ],
    rows,
    "No projects yet.",
  );
  return undefined;
}
