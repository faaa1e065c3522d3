// `tequio project`: projects with their shares and their people.
import type { CallReply } from "@tequio/contract";
import { type Command, Option } from "commander";
import { clock } from "../format.ts";
import { writeJson } from "../report.ts";
import { writeTable } from "../table.ts";
import { wholeFrom } from "../values.ts";
import type { Shell } from "../verb.ts";
import { changeRole } from "./role.ts";

type Project = CallReply<"listProjects">["rows"][number];

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
  defineSet(command, shell);
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

const CAPS = [
  ["max-accelerators", "maxAccelerators", "Accelerators held at one time"],
  ["max-running", "maxRunningJobs", "Jobs that run at one time"],
  ["max-queued", "maxQueuedJobs", "Jobs that wait; more are refused"],
] as const;
type Cap = (typeof CAPS)[number][1];
type Change = Partial<Record<Cap, number | null>>;

type Given = number | "none";
/** A whole number, or `none`. */
const capFrom = (text: string): Given => (text === "none" ? "none" : wholeFrom(0)(text));

function defineSet(command: Command, shell: Shell): void {
  const set = command
    .command("set")
    .description("Change a project's parent, shares or caps; what is not given stays")
    .argument("<name>")
    .option("--parent <name>", "The project that it is a part of, or `none`")
    .option("--shares <n>", "Its weight among its neighbours", wholeFrom(1));
  for (const [flag, , help] of CAPS) set.option(`--${flag} <n>`, `${help}, or \`none\``, capFrom);
  for (const [flag, , help] of CAPS) {
    set.option(`--user-${flag} <n>`, `The same for each user: ${help.toLowerCase()}`, capFrom);
  }
  set.action(
    shell.act(async (name: string) => {
      const { parent, shares } = set.opts<{ parent?: string; shares?: number }>();
      const caps: Change & { perUser?: Change } = capsOf(set, "");
      const perUser = capsOf(set, "user-");
      if (Object.keys(perUser).length > 0) caps.perUser = perUser;
      const body = {
        ...(parent === undefined ? {} : { parent: parent === "none" ? null : parent }),
        ...(shares === undefined ? {} : { shares }),
        ...(Object.keys(caps).length === 0 ? {} : { caps }),
      };
      const reply = await (await shell.pool()).call("changeProject", { params: { name }, body });
      if (!reply.ok) return reply;
      if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
      const text = capsText(reply.value);
      const now = `${reply.value.shares} shares${text === "" ? ", no caps" : `, at most ${text}`}`;
      shell.terminal.out(`Project ${name} has ${now}.\n`);
      return undefined;
    }),
  );
}

function capsOf(set: Command, prefix: string): Change {
  const caps: Change = {};
  const given = set.opts<Record<string, Given>>();
  for (const [flag, field] of CAPS) {
    const value = given[new Option(`--${prefix}${flag} <n>`).attributeName()];
    if (value !== undefined) caps[field] = value === "none" ? null : value;
  }
  return caps;
}

/** E.g. `8 accelerators, 2 running; a user 4 accelerators`. */
function capsText({ caps }: Project): string {
  const words = { maxAccelerators: "accelerators", maxRunningJobs: "running" };
  const text = (some: NonNullable<Project["caps"]>["perUser"] = {}): string =>
    CAPS.filter(([, field]) => some[field] !== undefined)
      .map(([, field]) => `${some[field]} ${{ ...words, maxQueuedJobs: "waiting" }[field]}`)
      .join(", ");
  const [all, user] = [text(caps), text(caps?.perUser)];
  return [all, user === "" ? "" : `a user ${user}`].filter((part) => part !== "").join("; ");
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
      { head: "CREDIT", cell: ({ credit }) => clock(credit), align: "right" },
      { head: "WAITING", cell: ({ jobsQueued }) => String(jobsQueued), align: "right" },
      { head: "RUNNING", cell: ({ jobsRunning }) => String(jobsRunning), align: "right" },
      { head: "AT MOST", cell: capsText, least: 8 },
    ],
    rows,
    "No projects yet.",
  );
  return undefined;
}
