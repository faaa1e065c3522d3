// `tequio simulate`: the control plane in worlds that do not exist. What a world is and which rules
// it is held to is core/simulator's; this spreads seeds over threads and tells what came of them.
// Traces and what-ifs are the other half of the verb: simulate-trace.ts.
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import {
  badValue,
  type Command,
  EXIT,
  Option,
  type Shell,
  type Terminal,
  usage,
  type VerbEnd,
  writeJson,
} from "@tequio/cli";
import type { FaultReport } from "@tequio/core/simulator";
import { asksForTrace, defineTrace, type TraceFlags } from "./simulate-flags.ts";
import { runTrace } from "./simulate-trace.ts";

/** Seeds `from` to `to`, both included. */
export interface Seeds {
  readonly from: number;
  readonly to: number;
}

interface Flags extends TraceFlags {
  readonly faults?: boolean;
  readonly seeds: Seeds;
  readonly jobs: number;
}

/** More take hours on two cores; a longer search is better split. */
const SEEDS_MAX = 1_000_000;
/** Seeds are 32 bits wide: the chance of a world is drawn from so many. */
const SEED_MAX = 2 ** 31 - 1;
const JOBS_MAX = 256;
const SEEDS_DEFAULT: Seeds = { from: 1, to: 200 };
/** Broken seeds that are listed; more have the same cause. */
const FAILURES_SHOWN = 10;
const WORKER = new URL("./simulate-worker.ts", import.meta.url);
const HOUR_MS = 3_600_000;

/** Adds the flags of `tequio simulate`. */
export function define(command: Command, shell: Shell): void {
  defineTrace(command);
  command
    .option("--faults", "worlds with lost messages, power cuts, crashes and wrong clocks")
    .addOption(
      new Option("--seeds <A..B>", "which worlds, e.g. 1..1000")
        .argParser(seeds)
        .default(SEEDS_DEFAULT, "1..200"),
    )
    .addOption(
      new Option("--jobs <n>", "threads")
        .argParser(threads)
        .default(availableParallelism(), "one a core"),
    )
    .addHelpText(
      "after",
      "\nA trace, a pool's journal or generated jobs are played under one policy or several, with" +
        "\nwhat-ifs beside them. With --faults it ends with 1 when a rule was broken, and says" +
        "\nhow to repeat it.",
    )
    .action(shell.act(() => run(command.opts<Flags>(), shell)));
}

/** Parses `A..B`, or one seed. */
export function seeds(text: string): Seeds {
  const match = /^(\d{1,10})(?:\.\.(\d{1,10}))?$/.exec(text.trim());
  if (match === null) throw badValue("Seeds are `A..B`, e.g. `1..1000`, or one number.");
  const from = Number(match[1]);
  const to = Number(match[2] ?? match[1]);
  if (to > SEED_MAX) throw badValue(`A seed is at most ${SEED_MAX}.`);
  if (to < from) throw badValue("The first seed comes before the last, e.g. `1..1000`.");
  if (to - from >= SEEDS_MAX) throw badValue(`At most ${SEEDS_MAX} seeds at one time.`);
  return { from, to };
}

function threads(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= JOBS_MAX) return value;
  throw badValue(`Threads are a whole number from 1 to ${JOBS_MAX}.`);
}

async function run(flags: Flags, shell: Shell): Promise<VerbEnd> {
  if (asksForTrace(flags)) {
    if (flags.faults !== true) return runTrace(flags, shell);
    return usage(
      "Faults need no trace.",
      "Leave out --faults, or --trace, --store and --generate.",
    );
  }
  if (flags.faults !== true) {
    return usage(
      "There is nothing to simulate.",
      "Say `tequio simulate --generate`, `--trace FILE`, `--store DIR`, or `--faults`.",
    );
  }
  const { terminal } = shell;
  const { json } = shell.globals();
  const startMs = terminal.nowMs();
  const tally = new Tally(flags.seeds);
  const progress = new Progress(terminal, flags.seeds, terminal.isTty && !json);
  const stop = new AbortController();
  const unhook = terminal.onInterrupt(() => stop.abort());
  try {
    await runSeeds(flags.seeds, {
      threads: flags.jobs,
      signal: stop.signal,
      onReport: (report) => {
        tally.add(report);
        progress.show(tally);
      },
    });
  } finally {
    unhook();
    progress.clear();
  }
  const summary = tally.summary((terminal.nowMs() - startMs) / 1_000);
  if (json) writeJson(terminal, summary);
  else terminal.out(summaryText(summary));
  if (!summary.ok) return EXIT.FAILED;
  return stop.signal.aborted ? EXIT.INTERRUPTED : EXIT.OK;
}

export interface SeedsOptions {
  readonly threads: number;
  readonly signal: AbortSignal;
  readonly onReport: (report: FaultReport) => void;
  /** Module of the threads; a test hands in another. */
  readonly worker?: URL;
}

/** Lives the worlds of all seeds; ends early when it is aborted. Rejects when a thread breaks. */
export async function runSeeds({ from, to }: Seeds, options: SeedsOptions): Promise<void> {
  let next = from;
  const count = Math.min(options.threads, to - from + 1);
  const take = (): number | undefined => {
    if (options.signal.aborted || next > to) return undefined;
    next += 1;
    return next - 1;
  };
  const all = Array.from({ length: count }, () => oneThread(take, options));
  await Promise.all(all);
}

/** One thread, which takes seed after seed until there are none. */
function oneThread(take: () => number | undefined, options: SeedsOptions): Promise<void> {
  const { signal, onReport, worker = WORKER } = options;
  const thread = new Worker(worker, { execArgv: [] });
  const done = new Promise<void>((resolve, reject) => {
    const hand = (): void => {
      const seed = take();
      if (seed === undefined) resolve();
      else thread.postMessage(seed);
    };
    thread.on("message", (report: FaultReport) => {
      onReport(report);
      hand();
    });
    thread.on("error", reject);
    thread.on("exit", (code) => reject(new Error(`a thread of the simulator ended with ${code}`)));
    signal.addEventListener("abort", () => resolve(), { once: true });
    hand();
  });
  return done.finally(() => thread.terminate());
}

/** A broken seed and the line that repeats it. */
interface Failure {
  readonly seed: number;
  readonly broken: string;
  readonly repeat: string;
}

export interface Summary {
  readonly ok: boolean;
  readonly seeds: Seeds;
  /** Seeds that were lived to their end, and the worlds that this took. */
  readonly done: number;
  readonly worlds: number;
  readonly jobs: number;
  readonly completed: number;
  readonly runs: number;
  readonly rounds: number;
  readonly leases: number;
  readonly lost: number;
  readonly crashes: number;
  readonly events: number;
  readonly virtualHours: number;
  readonly seconds: number;
  readonly failures: readonly Failure[];
}

const COUNTED = [
  "worlds",
  "jobs",
  "completed",
  "runs",
  "rounds",
  "leases",
  "lost",
  "crashes",
  "events",
] as const;

/** Adds reports up. */
export class Tally {
  done = 0;
  readonly failures: Failure[] = [];
  readonly #seeds: Seeds;
  readonly #sums = Object.fromEntries(COUNTED.map((key) => [key, 0])) as Record<
    (typeof COUNTED)[number],
    number
  >;
  #virtualMs = 0;

  constructor(range: Seeds) {
    this.#seeds = range;
  }

  add(report: FaultReport): void {
    const { seed, broken, virtualMs } = report;
    this.done += 1;
    this.#virtualMs += virtualMs;
    for (const key of COUNTED) this.#sums[key] += report[key];
    if (report.ok) return;
    const repeat = `npx tequio simulate --faults --seeds ${seed}..${seed}`;
    this.failures.push({ seed, broken: broken ?? "unknown", repeat });
  }

  /** The whole, after so many seconds. */
  summary(seconds: number): Summary {
    const failures = this.failures.toSorted((a, b) => a.seed - b.seed);
    return {
      ok: failures.length === 0,
      seeds: this.#seeds,
      done: this.done,
      ...this.#sums,
      virtualHours: Math.round((this.#virtualMs / HOUR_MS) * 10) / 10,
      seconds: Math.round(seconds * 10) / 10,
      failures,
    };
  }
}

const number = (value: number): string => value.toLocaleString("en-US");

/** The summary for people. */
export function summaryText(summary: Summary): string {
  const { seeds: range, done, failures } = summary;
  const rows: readonly (readonly [string, string])[] = [
    ["seeds", `${range.from}..${range.to}, ${number(done)} done`],
    ["worlds", number(summary.worlds)],
    ["jobs", `${number(summary.jobs)}, ${number(summary.completed)} completed`],
    ["runs", `${number(summary.runs)}, ${number(summary.rounds)} rounds`],
    ["leases", `${number(summary.leases)}, ${number(summary.lost)} lost`],
    ["crashes", number(summary.crashes)],
    ["events", number(summary.events)],
    ["virtual hours", number(summary.virtualHours)],
    ["seconds", number(summary.seconds)],
  ];
  const lines = rows.map(([name, value]) => `${name.padEnd(15)}${value}`);
  if (failures.length === 0) lines.push("", "No rule was broken.");
  else lines.push("", `${number(failures.length)} of ${number(done)} seeds broke a rule:`);
  for (const { broken, repeat } of failures.slice(0, FAILURES_SHOWN)) {
    lines.push("", `  ${broken}`, `  ${repeat}`);
  }
  const more = failures.length - FAILURES_SHOWN;
  if (more > 0) lines.push("", `and ${number(more)} more (all of them with --json)`);
  return `${lines.join("\n")}\n`;
}

/** One line that is written over and over, for a person who waits. */
class Progress {
  readonly #terminal: Terminal;
  readonly #total: number;
  readonly #on: boolean;
  #shownMs = 0;

  constructor(terminal: Terminal, { from, to }: Seeds, on: boolean) {
    this.#terminal = terminal;
    this.#total = to - from + 1;
    this.#on = on;
  }

  show({ done, failures }: Tally): void {
    const nowMs = this.#terminal.nowMs();
    if (!this.#on || nowMs - this.#shownMs < 100) return;
    this.#shownMs = nowMs;
    const broken = failures.length === 0 ? "" : `, ${failures.length} broken`;
    this.#terminal.err(`\r${number(done)} of ${number(this.#total)} seeds${broken} `);
  }

  clear(): void {
    if (this.#on) this.#terminal.err("\r\u001b[2K");
  }
}
