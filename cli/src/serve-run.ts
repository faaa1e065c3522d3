// `tequio run ID serve`: submits replicas, jobs on members' nodes that write texts with the run's
// models for /openai/v1. Who writes which text is decided by the pool.
import { randomUUID } from "node:crypto";
import type { Client, JobWire } from "@tequio/contract";
import { counted } from "./format.ts";
import { dim, writeJson } from "./report.ts";
import { type Shell, usage, type VerbEnd } from "./verb.ts";

/** Replicas of one call: more would be a mistake of the hand. */
const REPLICAS_MAX = 64;

export interface ServeFlags {
  readonly replicas?: number;
  readonly member?: readonly string[];
  readonly cpus?: number;
  readonly time?: string;
}

/** Submits the replicas and says how to see them. */
export async function serveRun(id: string, flags: ServeFlags, shell: Shell): Promise<VerbEnd> {
  const { replicas = 1, member, cpus, time } = flags;
  if (replicas > REPLICAS_MAX) {
    return usage(`${replicas} replicas are many.`, `Give at most ${REPLICAS_MAX} at a time.`);
  }
  const pool = await shell.pool();
  const members = member ?? (replicas > 1 ? await membersOf(pool) : []);
  const ids: string[] = [];
  for (let at = 0; at < replicas; at += 1) {
    const body: JobWire = {
      serve: id,
      members: [...shareOf(members, at, replicas)],
      ...(cpus === undefined ? {} : { resources: { cpus } }),
      ...(time === undefined ? {} : { time }),
    };
    const sent = await pool.call("submitJob", { body, idempotencyKey: randomUUID() });
    if (!sent.ok) return sent;
    ids.push(sent.value.id);
  }
  const { terminal } = shell;
  if (shell.globals().json) return void writeJson(terminal, { run: id, jobs: ids });
  const jobs = ids.length === 1 ? `job ${ids[0]}` : `jobs ${ids.join(", ")}`;
  terminal.out(`Run ${id} gets ${counted(ids.length, "replica")}: ${jobs}.\n`);
  terminal.err(`${dim(terminal, `  tequio run ${id}    see them`)}\n`);
  return undefined;
}

/**
 * The members that one of several replicas may run on. All have a share of their own, as far as
 * there are enough, so that no two lie with one member.
 */
export function shareOf(members: readonly string[], at: number, of: number): readonly string[] {
  if (members.length <= of) return members.length === 0 ? [] : [members[at % members.length]!];
  return members.filter((_, index) => index % of === at);
}

/** Members that can take something; none if the caller may not see them: then any will do. */
async function membersOf(pool: Client): Promise<readonly string[]> {
  const reply = await pool.call("listMembers", {});
  if (!reply.ok) return [];
  const here = reply.value.rows.filter(
    ({ state, sites }) => state === "active" && sites.some((site) => site.state === "here"),
  );
  return here.toSorted((a, b) => b.acceleratorsFree - a.acceleratorsFree).map(({ name }) => name);
}
