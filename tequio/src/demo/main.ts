// The main job: start a pool of four unequal members, submit one training run, show it, and say at
// the end what was learned and who is owed what. `npm start` runs this.
import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunDetail } from "@tequio/contract";
import type { Refusal } from "@tequio/core/pool";
import { openBrowser } from "./browser.ts";
import { demoJob } from "./job.ts";
import { DEMO_MEMBERS } from "./members.ts";
import { type DemoPool, openDemoPool } from "./pool.ts";
import { frameOf, roundLines, Screen, statementLines } from "./view.ts";

export interface DemoOptions {
  readonly minutes: number;
  /** Print one JSON line at the end and nothing else on standard output. */
  readonly json: boolean;
  readonly open: boolean;
  readonly port: number;
  readonly data: string;
  /** Go on with the last demonstration, or start anew; undefined: ask where somebody can answer. */
  readonly resume?: boolean;
  readonly seed: number;
  /** Only these members train; for the comparison in bench. */
  readonly members?: readonly string[];
}

/** Joining, measuring (5 s), the first model, the sample and stopping take about so long. */
const OVERHEAD_MS = 24_000;
const TRAIN_MS_MIN = 15_000;
const MEASURE_MS_MAX = 60_000;
const POLL_MS = 1_000;
/** After its planned end a run gets this long for its last round. */
const END_MS_MAX = 60_000;

/** Signals so close together are one. */
const SAME_SIGNAL_MS = 500;

/** Set when the play is over, so that nothing is drawn over the last words. */
interface Stage {
  over: boolean;
}

class Interrupted extends Error {}

/** Runs the demonstration; returns the process's exit code. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const say = (line: string): void => {
    (options.json ? process.stderr : process.stdout).write(`${line}\n`);
  };
  const data = resolve(options.data);
  const resume = await prepareFolder(data, options, say);
  const interrupt = interruption();
  say(resume ? "Starting the pool again." : "Starting a pool: one control plane, four members.");
  const opened = await openDemoPool(data, options.port);
  if (!opened.ok) return refused(opened, say);
  const pool = opened.value;
  const broken = pool.broken.then((name) => {
    throw new Error(
      `${name} ended unexpectedly; see ${join(data, "process-logs", `${name}.log`)}.`,
    );
  });
  const stage: Stage = { over: false };
  try {
    return await Promise.race([play(pool, options, resume, say, stage), interrupt, broken]);
  } catch (error) {
    stage.over = true;
    if (!(error instanceof Interrupted)) {
      say(`error: ${error instanceof Error ? error.message : String(error)}`);
      return 1;
    }
    say("\nStopping: the run is paused, members stop their jobs.");
    await pauseRun(pool);
    say("`npm start` offers to go on from here.");
    return 130;
  } finally {
    await pool.stop();
  }
}

function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    let firstMs: number | undefined;
    const onSignal = (): void => {
      const nowMs = performance.now();
      // One Ctrl-C may arrive twice, by the terminal and by a program in between.
      if (firstMs !== undefined && nowMs - firstMs > SAME_SIGNAL_MS) process.exit(130);
      firstMs ??= nowMs;
      reject(new Interrupted());
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
}

function refused(refusal: Refusal, say: (line: string) => void): number {
  say(`error ${refusal.code}: ${refusal.message}`);
  say(`hint: ${refusal.hint}`);
  return 7;
}

/** True to go on with what is there; else the folder is empty, the last one kept beside it. */
async function prepareFolder(
  data: string,
  options: DemoOptions,
  say: (line: string) => void,
): Promise<boolean> {
  const unfinished = existsSync(join(data, "unfinished"));
  if (unfinished && options.resume !== false) {
    if (options.resume === true || (await agrees())) return true;
    say(`Starting afresh; ${data}.previous keeps the last demonstration.`);
  }
  if (options.resume === true) say("There is nothing to go on with: starting afresh.");
  if (existsSync(data)) {
    rmSync(`${data}.previous`, { recursive: true, force: true });
    renameSync(data, `${data}.previous`);
  }
  return false;
}

async function agrees(): Promise<boolean> {
  if (process.stdin.isTTY !== true) {
    process.stderr.write("An unfinished run is here: `npm start -- --resume` goes on with it.\n");
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question("An unfinished run is here. Go on with it? [Y/n] ");
  terminal.close();
  return !/^n/i.test(answer.trim());
}

async function play(
  pool: DemoPool,
  options: DemoOptions,
  resume: boolean,
  say: (line: string) => void,
  stage: Stage,
): Promise<number> {
  say(`Console: ${pool.consoleUrl}`);
  if (options.open && !options.json) openBrowser(pool.consoleUrl);
  say("Members join and measure themselves (about 5 s) ...");
  await membersReady(pool, say);
  const trainMs = Math.max(TRAIN_MS_MIN, options.minutes * 60_000 - OVERHEAD_MS);
  const started = resume ? await resumeRun(pool) : await submitRun(pool, options, trainMs, say);
  if (typeof started !== "string") return refused(started, say);
  const { markFinished, markUnfinished } = marks(options.data);
  markUnfinished();
  const run = await watch(pool, started, options, say, stage);
  markFinished();
  return finish(pool, run, options, say);
}

function marks(data: string): { markFinished: () => void; markUnfinished: () => void } {
  const file = join(resolve(data), "unfinished");
  return {
    markUnfinished: () => writeFileSync(file, ""),
    markFinished: () => rmSync(file, { force: true }),
  };
}

async function membersReady(pool: DemoPool, say: (line: string) => void): Promise<void> {
  const untilMs = performance.now() + MEASURE_MS_MAX;
  while (!(await pool.complete())) {
    if (performance.now() > untilMs) throw new Error("Not all members joined within a minute.");
    await sleep(250);
  }
  const members = await pool.client.call("listMembers", {});
  if (!members.ok) return;
  for (const { name, sites } of members.value.rows) {
    const measured = sites[0]?.calibration;
    if (measured === undefined) continue;
    const { link, gemmGflops } = measured;
    say(
      `  ${name.padEnd(10)} measured ${gemmGflops.toFixed(2).padStart(6)} GFLOP/s, link ` +
        `${link.rttMs.toFixed(0)} ms, ${link.upMbitPerS.toFixed(0)} Mbit/s up`,
    );
  }
}

async function submitRun(
  pool: DemoPool,
  options: DemoOptions,
  trainMs: number,
  say: (line: string) => void,
): Promise<string | Refusal> {
  const job = demoJob(trainMs / 60_000, options.seed, options.members);
  if (!job.ok) return job;
  const reply = await pool.client.call("submitJob", { body: job.value });
  if (!reply.ok) return reply;
  say(`Submitted run ${reply.value.id}: one small GPT, trained by all members on real text.`);
  return reply.value.id;
}

async function resumeRun(pool: DemoPool): Promise<string | Refusal> {
  const runs = await pool.client.call("listRuns", { query: {} });
  if (!runs.ok) return runs;
  const run = runs.value.rows[0];
  if (run === undefined || run.state === "ended") {
    throw new Error("The last demonstration has no run to go on with: use --fresh.");
  }
  const reply = await pool.client.call("changeRun", {
    params: { id: run.id },
    body: { action: "resume" },
  });
  return reply.ok ? run.id : reply;
}

async function pauseRun(pool: DemoPool): Promise<void> {
  const runs = await pool.client.call("listRuns", { query: {} });
  const run = runs.ok ? runs.value.rows[0] : undefined;
  if (run === undefined || run.state === "ended") return;
  await pool.client.call("changeRun", { params: { id: run.id }, body: { action: "pause" } });
}

/** The member that leaves and comes back; the note says what happened. */
class Churn {
  note = "";
  #left = false;
  #back = false;
  readonly #pool: DemoPool;
  readonly #spec = DEMO_MEMBERS.find((member) => member.away !== undefined);

  constructor(pool: DemoPool) {
    this.#pool = pool;
  }

  look(progress: number): void {
    if (this.#spec?.away === undefined) return;
    const { name, away } = this.#spec;
    if (!this.#left && progress >= away.from) {
      this.#left = true;
      this.note = `${name} has left; the others go on`;
      void this.#pool.leave(name);
    } else if (this.#left && !this.#back && progress >= away.to) {
      this.#back = true;
      this.note = `${name} is back and starts from the newest model`;
      this.#pool.comeBack(name);
    }
  }
}

async function watch(
  pool: DemoPool,
  id: string,
  options: DemoOptions,
  say: (line: string) => void,
  stage: Stage,
): Promise<RunDetail> {
  const live = process.stdout.isTTY === true && !options.json;
  const screen = new Screen(process.stdout);
  const churn = new Churn(pool);
  const plan = { endMs: Number.POSITIVE_INFINITY, shown: -1, note: "" };
  for (;;) {
    const reply = await pool.client.call("getRun", { params: { id } });
    if (stage.over) throw new Interrupted();
    if (!reply.ok) throw new Error(`${reply.code}: ${reply.message}`);
    const run = reply.value;
    if (options.members === undefined) churn.look(run.progress);
    if (live) screen.draw(frameOf(run, churn.note || run.reason, Date.now()));
    else plan.shown = logRounds(run, churn, plan, say);
    if (run.state === "ended") return run;
    if (run.endEstimateMs !== undefined) plan.endMs = run.endEstimateMs + END_MS_MAX;
    if (Date.now() > plan.endMs) throw new Error(`The run did not end in time: ${run.reason}`);
    await sleep(POLL_MS);
  }
}

function logRounds(
  run: RunDetail,
  churn: Churn,
  plan: { shown: number; note: string },
  say: (line: string) => void,
): number {
  if (churn.note !== plan.note) say(`  ${churn.note}`);
  plan.note = churn.note;
  for (const line of roundLines(run, plan.shown)) say(`  ${line}`);
  return Math.max(plan.shown, ...run.rounds.map((round) => round.round));
}

async function finish(
  pool: DemoPool,
  run: RunDetail,
  options: DemoOptions,
  say: (line: string) => void,
): Promise<number> {
  if (run.outcome !== "completed") {
    say(`error: the run ended as ${run.outcome}: ${run.reason}`);
    return 1;
  }
  const [sample, statement] = await Promise.all([
    pool.client.call("sampleRun", {
      params: { id: run.id },
      body: { prompt: "The people of the United States ", bytes: 300, temperature: 0.7 },
    }),
    pool.client.call("getUsage", { query: {} }),
  ]);
  const loss = (value: number | undefined): string => (value ?? Number.NaN).toFixed(3);
  say("");
  say(
    `Held-out loss ${loss(run.lossBefore)} before, ${loss(run.lossNow)} after ` +
      `${run.round} rounds and ${run.tokens.toLocaleString("en-US")} tokens (nats per byte; ` +
      "text that nobody trained on).",
  );
  if (sample.ok) say(`\nWhat it writes:\n  ${sample.value.text.replaceAll("\n", "\n  ")}`);
  if (statement.ok) {
    say("\nWhat each member contributed and earned:");
    for (const line of statementLines(run, statement.value)) say(line);
  }
  say("\nTry next:");
  say(
    "  npx tequio up                                     a pool that stays up, this machine in it",
  );
  say(
    "  npx tequio submit --wait -- echo hello            (in another terminal) a job of your own",
  );
  say("  npx tequio usage                                  who used what, who is owed what");
  if (options.json) process.stdout.write(`${JSON.stringify(jsonResult(run))}\n`);
  return 0;
}

/** The documented result for scripts. */
function jsonResult(run: RunDetail): Record<string, unknown> {
  return {
    lossBefore: run.lossBefore,
    lossAfter: run.lossNow,
    rounds: run.round,
    trainMs: (run.endedAtMs ?? 0) - (run.startedAtMs ?? 0),
    members: run.members.map((member) => ({
      name: member.member,
      tokens: member.tokens,
      tokensPerSecond: Math.round(member.tokensPerSecond),
      bytesUp: member.bytesUp,
      deviceMs: member.deviceMs,
    })),
  };
}
