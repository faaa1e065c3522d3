// The share of the time in which the sites of a run compute, with real processes: a control plane,
// an agent for each site behind a relay with a rate and a delay, one run by the product's defaults.
// Counted from the first pooled round to the last merge: steps of contributions, and steps that a
// site trains on while its contribution is under way and merged (decision 0004), which go into its
// next one. Both figures are given, with and without the latter.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Client, JobWire, type RunDetail } from "@tequio/contract";
import { type Child, startChild } from "tequio/src/demo/members.ts";
import { openRelay, type Relay } from "tequio/src/demo/relay.ts";
import { startPool } from "../pool.ts";

export interface UtilisationSetting {
  /** Cores of each site's task. */
  readonly speeds: readonly number[];
  readonly mbitPerS: number;
  readonly oneWayDelayMs: number;
  readonly minutes: number;
  readonly seed: number;
  readonly model: Readonly<Record<"vocab" | "context" | "width" | "layers" | "heads", number>>;
  readonly referenceBatch: number;
  /** Inner steps of a round; undefined: the pool chooses. */
  readonly innerSteps?: number;
}

export interface SiteUse {
  readonly member: string;
  readonly computeMs: number;
  readonly carriedMs: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Mean milliseconds of a step. */
  readonly stepMs: number;
}

export interface Utilisation {
  /** Computing of all kinds over wall-clock, mean of the sites. */
  readonly utilisation: number;
  /** The same without what sites train on while others merge. */
  readonly withoutCarried: number;
  readonly wallMs: number;
  readonly rounds: number;
  readonly innerSteps: number;
  readonly lossAtEnd: number | undefined;
  readonly sites: readonly SiteUse[];
}

const WARM_UP_STEPS = 100;
const LOOK_MS = 1_000;
/** Members join and measure themselves; the run starts and ends. */
const AROUND_MS = 240_000;
const LOG_CHUNK = 1_048_576;

/** Throws when something does not start, or the run does not end in its time. */
export async function measureUtilisation(setting: UtilisationSetting): Promise<Utilisation> {
  const pool = await startPool();
  const opened: { readonly relays: Relay[]; readonly agents: Child[] } = { relays: [], agents: [] };
  try {
    await startSites(pool, setting, opened);
    await until(async () => {
      const members = must(await pool.client.call("listMembers", {}));
      const measured = members.rows.filter(({ sites }) =>
        sites.some(({ calibration }) => calibration !== undefined),
      );
      return measured.length === setting.speeds.length ? true : undefined;
    }, AROUND_MS);
    const job = JobWire.parse({ name: "utilisation", run: runOf(setting) });
    const submitted = must(await pool.client.call("submitJob", { body: job }));
    const runId = submitted.id;
    const run = await until(
      async () => {
        const seen = must(await pool.client.call("getRun", { params: { id: runId } }));
        return seen.state === "ended" ? seen : undefined;
      },
      setting.minutes * 60_000 + AROUND_MS,
    );
    return await usesOf(pool.client, run, setting);
  } finally {
    for (const agent of opened.agents) await agent.stop();
    for (const relay of opened.relays) await relay.close();
    await pool.stop();
  }
}

type BenchPool = Awaited<ReturnType<typeof startPool>>;

async function startSites(
  pool: BenchPool,
  { speeds, mbitPerS, oneWayDelayMs }: UtilisationSetting,
  opened: { readonly relays: Relay[]; readonly agents: Child[] },
): Promise<void> {
  const logs = join(pool.folder, "logs");
  mkdirSync(logs, { recursive: true });
  for (const [site, speed] of speeds.entries()) {
    const name = `site-${site}`;
    const relay = await openRelay(Number(new URL(pool.url).port), { oneWayDelayMs, mbitPerS });
    opened.relays.push(relay);
    const invited = must(await pool.client.call("inviteMember", { body: { name } }));
    const args = [
      ...["agent", "--join", invited.joinToken, "--url", `http://127.0.0.1:${relay.port}`],
      ...["--folder", join(pool.folder, name), "--node-name", name, "--isolation", "none"],
      ...["--cpu-share", String(speed), "--cpus", String(Math.max(0.1, speed)), "--memory", "3G"],
    ];
    opened.agents.push(startChild(name, args, logs));
  }
}

const runOf = (setting: UtilisationSetting): unknown => ({
  corpus: "sotu",
  model: setting.model,
  referenceBatch: setting.referenceBatch,
  maxBatch: 2 * setting.referenceBatch,
  seed: setting.seed,
  warmUpSteps: WARM_UP_STEPS,
  stop: { minutes: setting.minutes },
  ...(setting.innerSteps === undefined ? {} : { innerSteps: setting.innerSteps }),
});

async function usesOf(
  client: Client,
  run: RunDetail,
  { speeds }: UtilisationSetting,
): Promise<Utilisation> {
  const rounds = run.rounds.filter(({ phase }) => phase === "pooled");
  const first = rounds[0];
  const last = rounds.at(-1);
  if (first === undefined || last === undefined) throw new Error("the run had no pooled round");
  const wallMs = last.mergedAtMs - first.openedAtMs;
  const sites: SiteUse[] = [];
  for (const { member } of run.members) {
    const rows = rounds.flatMap((round) => round.rows.filter((row) => row.member === member));
    const computeMs = sum(rows.map((row) => row.computeMs));
    const steps = sum(rows.map((row) => row.innerSteps));
    const stepMs = steps === 0 ? 0 : computeMs / steps;
    const carried = await carriedSteps(client, run.id, member, first.round);
    sites.push({
      ...{ member, computeMs, stepMs, carriedMs: carried * stepMs },
      bytesUp: sum(rows.map((row) => row.bytesUp)),
      bytesDown: sum(rows.map((row) => row.bytesDown)),
    });
  }
  const all = sites.map(({ computeMs, carriedMs }) => computeMs + carriedMs);
  return {
    utilisation: sum(all) / wallMs / speeds.length,
    withoutCarried: sum(sites.map(({ computeMs }) => computeMs)) / wallMs / speeds.length,
    ...{ wallMs, rounds: rounds.length, sites },
    innerSteps: Math.max(...last.rows.map((row) => row.innerSteps)),
    lossAtEnd: run.lossNow,
  };
}

/** Steps after a contribution of round `from` or later, as the site's own log tells them. */
async function carriedSteps(
  client: Client,
  id: string,
  member: string,
  from: number,
): Promise<number> {
  let text = "";
  for (let offset = 0; ; ) {
    const query = { member, offset, limit: LOG_CHUNK, task: 0, waitMs: 0 };
    const chunk = must(await client.call("readLog", { params: { id }, query }));
    text += Buffer.from(chunk.data, "base64").toString();
    if (chunk.nextOffset === offset) break;
    offset = chunk.nextOffset;
  }
  const lines = text.matchAll(/round (\d+): trained on for (\d+) steps/g);
  return sum([...lines].map(([, round, steps]) => (Number(round) >= from ? Number(steps) : 0)));
}

const sum = (list: readonly number[]): number => list.reduce((total, one) => total + one, 0);

function must<T>(outcome: { ok: true; value: T } | { ok: false; message: string }): T {
  if (!outcome.ok) throw new Error(outcome.message);
  return outcome.value;
}

async function until<T>(look: () => Promise<T | undefined>, withinMs: number): Promise<T> {
  for (let leftMs = withinMs; leftMs > 0; leftMs -= LOOK_MS) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await pause(LOOK_MS);
  }
  throw new Error(`not within ${withinMs / 1_000} s`);
}
