// `tequio member`: who lends to the pool, and what an operator or an owner does about it.
import type { MemberView } from "@tequio/contract";
import { type Command, Option } from "commander";
import { clock, credits, relative } from "../format.ts";
import { readRows } from "../pages.ts";
import { writeJson, yellow } from "../report.ts";
import { type Column, plain, writeTable } from "../table.ts";
import { durationMs, repeated } from "../values.ts";
import type { Shell } from "../verb.ts";

/** A table of more is read by nobody. */
const MEMBERS_MAX = 10_000;

type Action = "drain" | "recall" | "resume" | "revoke-invitation";

const ACTIONS: readonly {
  readonly action: Action;
  readonly what: string;
  readonly said: string;
}[] = [
  {
    action: "recall",
    what: "The owner takes everything back now",
    said: "is recalled: its leases are stopped.",
  },
  {
    action: "drain",
    what: "Give it no new jobs; those that run go on",
    said: "gets no new jobs.",
  },
  { action: "resume", what: "Give it jobs again", said: "gets jobs again." },
  {
    action: "revoke-invitation",
    what: "Make its open join token worthless",
    said: "has no open invitation any more.",
  },
];

/** Adds the flags and the action of `tequio member`. */
export function define(command: Command, shell: Shell): void {
  command
    .command("list")
    .description("Members with their sites and accelerators")
    .action(shell.act(() => list(shell)));
  command
    .command("invite")
    .description("Make a join token for a member; it is shown once")
    .argument("<name>")
    .action(shell.act((name: string) => invite(name, shell)));
  command
    .command("revoke-site")
    .description("Take the right to connect from one site, for good")
    .argument("<site>", "Its id, from `tequio member list --json`")
    .action(shell.act((site: string) => revokeSite(site, shell)));
  for (const { action, what, said } of ACTIONS) {
    const one = command.command(action).description(what).argument("<name>");
    if (action === "recall") {
      one.option("--grace <time>", "Time for checkpoints (default: the offer's)", durationMs);
      const devices = "Only these: node, node/gpu0 or gpu-* (repeat)";
      one.addOption(new Option("--devices <pattern>", devices).argParser(repeated));
    }
    one.action(
      shell.act(async (name: string) => {
        const { grace, devices } = one.opts<{ grace?: number; devices?: readonly string[] }>();
        const body = {
          action,
          ...(grace === undefined ? {} : { graceMs: grace }),
          ...(devices === undefined ? {} : { devices: [...devices] }),
        };
        const reply = await (await shell.pool()).call("changeMember", { params: { name }, body });
        if (!reply.ok) return reply;
        if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
        const some = devices === undefined ? said : "takes these devices back; leases there stop.";
        shell.terminal.out(`${reply.value.name} ${some}\n`);
        return undefined;
      }),
    );
  }
}

/** Takes the right to connect from one site; the member may have others. */
async function revokeSite(siteId: string, shell: Shell) {
  const pool = await shell.pool();
  const members = await readRows(pool, "listMembers", {}, MEMBERS_MAX);
  if (!members.ok) return members;
  const owner = members.rows.find(({ sites }) => sites.some((s) => s.siteId === siteId));
  if (owner === undefined) {
    const hint = "List them with `tequio member list --json`.";
    return { code: "NOT_FOUND", message: `There is no site ${siteId}.`, hint } as const;
  }
  const body = { action: "revoke-site", site: siteId } as const;
  const reply = await pool.call("changeMember", { params: { name: owner.name }, body });
  if (!reply.ok) return reply;
  if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
  shell.terminal.out(`The site ${siteId} of ${owner.name} may not connect any more.\n`);
  return undefined;
}

async function invite(name: string, shell: Shell) {
  const pool = await shell.pool();
  const reply = await pool.call("inviteMember", { body: { name } });
  if (!reply.ok) return reply;
  if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
  const { member, command, expiresAtMs, joinToken } = reply.value;
  const link = `${pool.url.split(",")[0]?.replace(/\/+$/, "")}/#/contribute/${joinToken}`;
  shell.terminal.out(
    `${member} is invited. On the machine that it lends:\n\n  ${plain(command)}\n\n` +
      `Or in a browser, which then lends that tab:\n\n  ${plain(link)}\n\n` +
      `The token is shown once and ends ${relative(expiresAtMs, shell.terminal.nowMs())}.\n`,
  );
  return undefined;
}

async function list(shell: Shell) {
  const reply = await readRows(await shell.pool(), "listMembers", {}, MEMBERS_MAX);
  if (!reply.ok) return reply;
  const { rows } = reply;
  if (shell.globals().json) return void writeJson(shell.terminal, rows);
  writeTable(shell.terminal, columns(shell), rows, "No members. `tequio member invite NAME`.");
  return undefined;
}

function columns({ terminal }: Shell): readonly Column<MemberView>[] {
  const nowMs = terminal.nowMs();
  return [
    { head: "MEMBER", cell: ({ name }) => name, least: 8 },
    {
      head: "STATE",
      cell: (member) => presence(member, nowMs),
      paint: (text, member) => (isHere(member) ? text : yellow(terminal, text)),
    },
    { head: "HAS", cell: has, least: 10 },
    { head: "FREE", cell: ({ acceleratorsFree }) => String(acceleratorsFree), align: "right" },
    { head: "LINK", cell: link },
    { head: "JOBS", cell: ({ runningJobs }) => String(runningJobs), align: "right" },
    { head: "LENT", cell: ({ deviceMs }) => clock(deviceMs), align: "right" },
    {
      head: "EARNED",
      cell: ({ earnedMicroCredits }) => credits(earnedMicroCredits),
      align: "right",
    },
  ];
}

const isHere = ({ state, sites }: MemberView): boolean =>
  state === "active" && sites.some((site) => site.state === "here");

function presence(member: MemberView, nowMs: number): string {
  const { state, sites: all } = member;
  if (state !== "active" && state !== "invited") return state;
  if (all.length === 0) return "invited";
  const sites = all.filter(({ revoked }) => revoked !== true);
  if (sites.length === 0) return "revoked";
  const here = sites.filter((site) => site.state === "here").length;
  if (here > 0) return here === sites.length ? "here" : `${here} of ${sites.length} sites here`;
  const seen = Math.max(...sites.map(({ lastSeenMs }) => lastSeenMs ?? 0));
  return seen === 0 ? "never seen" : `away, seen ${relative(seen, nowMs)}`;
}

/** `2x Processor; 8x NVIDIA H100`: accelerators by product. */
function has({ sites }: MemberView): string {
  const counts = new Map<string, number>();
  for (const { vendor, model, count } of sites.flatMap(({ devices }) => devices)) {
    const name = `${vendor} ${model}`;
    counts.set(name, (counts.get(name) ?? 0) + count);
  }
  return [...counts].map(([name, count]) => `${count}x ${name}`).join("; ");
}

function link({ sites }: MemberView): string {
  const measured = sites.find(({ calibration }) => calibration !== undefined)?.calibration;
  if (measured === undefined) return "";
  const { rttMs, upMbitPerS } = measured.link;
  return `${Math.round(rttMs)} ms, ${Math.round(upMbitPerS).toLocaleString("en-US")} Mbit/s`;
}
