// Jobs on accelerators of several kinds, in rounds (protocol B of the reference page): completion
// times and finish-time fairness of a policy on Gavel's traces.
//   node bench/gavel.ts --jobs multi_seed0.csv --rate 2.0 [--policy guarded|las-gavel|fifo|las|
//   las-swaps|shortest-time|shortest-gpu-time|shortest-gpu-time-swaps|all] [--move-cost 60]
//   [--speeds FILE] [--kinds v100=36,p100=36,k80=36] [--no-record]
// Without --move-cost both settings are run, free moves and 60 s a move. Speeds are looked for one
// folder above the jobs. Files with arrival times take no --rate; all their jobs are measured.
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import {
  byArrival,
  byGpuTimeLeft,
  byRelativeSpeed,
  byService,
  byStepsLeft,
  byTimeLeft,
  GuardedRounds,
  greedyPolicy,
  LasGavel,
  type RoundPolicy,
} from "@tequio/core/scheduler";
import {
  type KindJob,
  type KindTrace,
  kindTrace,
  parseGavelJobs,
  parseGavelSpeeds,
  type RoundsReplay,
  type RoundsReport,
  replayEqualShare,
  replayRounds,
  reportRounds,
} from "@tequio/core/simulator";
import { fixed, numberOption, printTable, readTrace, rounded, stop } from "./lib/traces.ts";
import { record } from "./record.ts";

const { values } = parseArgs({
  options: {
    jobs: { type: "string" },
    speeds: { type: "string" },
    rate: { type: "string" },
    policy: { type: "string", default: "guarded" },
    "move-cost": { type: "string" },
    kinds: { type: "string" },
    "no-record": { type: "boolean", default: false },
  },
});

interface Named {
  readonly name: string;
  readonly clairvoyant: boolean;
  readonly make: (trace: KindTrace) => RoundPolicy;
}

const POLICIES: readonly Named[] = [
  {
    ...{ name: "guarded", clairvoyant: false },
    make: ({ kinds }) => new GuardedRounds({ count: kinds.map(({ count }) => count) }),
  },
  {
    ...{ name: "las-gavel", clairvoyant: false },
    make: ({ kinds }) => new LasGavel({ count: kinds.map(({ count }) => count) }),
  },
  { name: "fifo", clairvoyant: false, make: () => greedyPolicy(byArrival) },
  { name: "las", clairvoyant: false, make: () => greedyPolicy(byService) },
  {
    ...{ name: "las-swaps", clairvoyant: false },
    make: () => greedyPolicy(byService, byRelativeSpeed),
  },
  {
    ...{ name: "shortest-time", clairvoyant: true },
    make: ({ totalSteps }) => greedyPolicy(byTimeLeft(totalSteps)),
  },
  {
    ...{ name: "shortest-gpu-time", clairvoyant: true },
    make: ({ totalSteps }) => greedyPolicy(byGpuTimeLeft(totalSteps)),
  },
  {
    ...{ name: "shortest-gpu-time-swaps", clairvoyant: true },
    make: ({ totalSteps }) => greedyPolicy(byGpuTimeLeft(totalSteps), byStepsLeft(totalSteps)),
  },
];

/** Page B.5: LAS-Gavel in its authors' simulator on seed 0, by rate; the 96-job trace apart. */
const LAS_GAVEL = {
  "2": { meanH: 20.26, maxH: 541, rhoMax: 2.74, published: 21.9 },
  "2.6": { meanH: 34.3, maxH: 1_717, rhoMax: 3.04, published: 36.44 },
  "96 jobs": { meanH: 3.824 },
};
/**
 * Page B.5, mean JCT in hours with free moves: by the steps of the file's first job (which tells
 * seeds 0, 1 and 2 apart), the rate and the policy. The replay must give the same.
 */
const PRINTED: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "17484476 2": { fifo: 21.44, las: 19.06, "las-swaps": 17.43, "shortest-gpu-time": 18 },
  "17484476 2.6": { fifo: 75.8, las: 53.68, "las-swaps": 27.82 },
  "158770 2": { fifo: 16.92, las: 15.83, "las-swaps": 15.53 },
  "158770 2.6": { las: 25.16, "las-swaps": 22.53 },
  "76752 2": { fifo: 17.65, las: 17.47, "las-swaps": 16.42 },
  "76752 2.6": { las: 50.76, "las-swaps": 36.6 },
};
const PRINTED_NEAR_H = 0.006;
/** Jobs 4,000 to 4,999 are measured, and the run stops when 12,000 have arrived (B.3). */
const MEASURED: readonly [number, number] = [4_000, 4_999];
const ARRIVALS_MAX = 12_000;
/** Jobs of the equal-share run, which lasts longer: it needs arrivals to its own end. */
const EQUAL_SHARE_JOBS = 60_000;
const MOVE_COSTS_S = [0, 60];

interface Bench {
  readonly trace: KindTrace;
  readonly measured: readonly [number, number];
  readonly equalEndS: Float64Array;
}

interface Row {
  readonly named: Named;
  readonly moveCostS: number;
  readonly report: RoundsReport;
  readonly replay: RoundsReplay;
  readonly cpuS: number;
}

function kindsOf(text: string): KindTrace["kinds"] {
  return text.split(",").map((part) => {
    const [name, count] = part.split("=");
    const whole = Number(count);
    if (name && Number.isInteger(whole) && whole > 0) return { name, count: whole };
    return stop(`--kinds must look like v100=36,p100=36, not ${JSON.stringify(text)}.`);
  });
}

function speedsFile(jobs: string, generated: boolean): string {
  const table = generated ? "simulation_throughputs.csv" : "physical_cluster_throughputs.csv";
  const path = values.speeds ?? join(dirname(jobs), "..", table);
  return existsSync(path) ? path : stop(`No speeds at ${path}: name them with --speeds FILE.`);
}

function load(jobs: string): Bench {
  const rows = readTrace(jobs, parseGavelJobs);
  const generated = rows.some(({ unitGap }) => unitGap > 0);
  if (generated && values.rate === undefined) stop("These jobs need --rate, in jobs an hour.");
  if (!generated && values.rate !== undefined) stop("These jobs have arrival times: no --rate.");
  const jobsPerHour = generated ? numberOption("rate", values.rate ?? "", 0.001) : undefined;
  const kinds = kindsOf(
    values.kinds ?? (generated ? "v100=36,p100=36,k80=36" : "v100=8,p100=16,k80=24"),
  );
  const speeds = readTrace(speedsFile(jobs, generated), parseGavelSpeeds);
  const count = generated ? EQUAL_SHARE_JOBS : rows.length;
  const trace = kindTrace(rows, speeds, { kinds, count, jobsPerHour });
  checkFits(rows, trace);
  const measured = generated ? MEASURED : ([0, rows.length - 1] as const);
  return { trace, measured, equalEndS: replayEqualShare(trace, measured[1]) };
}

/** Every job must be able to run on at least one kind, or it would never end. */
function checkFits(rows: readonly KindJob[], { kinds, speed }: KindTrace): void {
  rows.forEach(({ jobType, gpus }, job) => {
    const fits = kinds.some(
      ({ count }, kind) => gpus <= count && (speed[job * kinds.length + kind] ?? 0) > 0,
    );
    const where = kinds.map(({ name, count }) => `${name} (${count})`).join(", ");
    if (!fits) stop(`Job ${job}, ${jobType} on ${gpus} GPUs, can run on none of ${where}.`);
  });
}

function run({ trace, measured, equalEndS }: Bench, named: Named, moveCostS: number): Row {
  const cpu = process.cpuUsage();
  const options = { moveCostS, measured, arrivalsMax: ARRIVALS_MAX };
  const replay = replayRounds(trace, options, named.make(trace));
  const report = reportRounds(trace, replay, measured, equalEndS);
  return { named, moveCostS, report, replay, cpuS: process.cpuUsage(cpu).user / 1e6 };
}

function printRows(title: string, rows: readonly Row[]): void {
  if (rows.length === 0) return;
  const head = [title, "move", "mean JCT h", "p99", "max", "unfinished", "rho mean", "p99", "max"];
  const table = rows.map(({ named, moveCostS, report: r, replay, cpuS }) => [
    ...[named.name, `${moveCostS} s`, `${r.unfinished > 0 ? ">= " : ""}${fixed(r.meanH, 2)}`],
    ...[fixed(r.p99H, 0), fixed(r.maxH, 0), `${r.unfinished}`],
    ...[fixed(r.rhoMean, 2), fixed(r.rhoP99, 2), fixed(r.rhoMax, 2), `${r.rhoAbove1}`],
    ...[`${replay.moves}`, `${replay.restarts}`, fixed(replay.use, 3), fixed(cpuS, 1)],
  ]);
  console.log("");
  printTable([[...head, "rho > 1", "moves", "restarts", "use", "CPU s"], ...table]);
}

function recordRow(row: Row, jobs: string): void {
  const { report, replay, named, moveCostS } = row;
  const rate = values.rate === undefined ? "96 jobs" : String(Number(values.rate));
  const bars: Readonly<Record<string, string>> = {
    "2": "<= 17.2 on seed 0",
    "2.6": "<= 30 on seed 0, none unfinished, max < 1717 h, rho max <= 1.5",
    "96 jobs": "<= 3.6",
  };
  record("gavel", {
    claim: `Mean JCT, ${basename(jobs)}, ${rate} jobs/h, ${named.name}, ${moveCostS} s a move`,
    value: rounded(report.meanH),
    unit: "h",
    bar: bars[rate] ?? "none",
    peer: { lasGavelSeed0: LAS_GAVEL[rate as keyof typeof LAS_GAVEL], simulator: "its authors'" },
    details: {
      clairvoyant: named.clairvoyant,
      ...Object.fromEntries(Object.entries(report).map(([key, value]) => [key, rounded(value)])),
      ...{ moves: replay.moves, restarts: replay.restarts, rounds: replay.rounds },
      cpuS: rounded(row.cpuS, 1),
    },
  });
}

/** On the page's own traces its baselines must come out as printed, or the replay is wrong. */
function checkPrinted({ trace }: Bench, rows: readonly Row[]): void {
  const printed = PRINTED[`${Math.round(trace.totalSteps[0]!)} ${Number(values.rate)}`] ?? {};
  for (const { named, moveCostS, report } of rows) {
    const page = printed[named.name];
    if (page === undefined || moveCostS !== 0 || values.kinds !== undefined) continue;
    if (Math.abs(report.meanH - page) <= PRINTED_NEAR_H) {
      console.log(`${named.name}: as printed on the page, ${page} h.`);
    } else {
      stop(`${named.name}: the page prints ${page} h, this replay gives ${report.meanH} h.`);
    }
  }
}

/** No policy can do better: every job alone on its best kind (page B.5). */
function floorH({ trace, measured: [from, to] }: Bench): number {
  const kinds = trace.kinds.length;
  let sumS = 0;
  for (let job = from; job <= to; job += 1) {
    const best = Math.max(...trace.speed.subarray(job * kinds, (job + 1) * kinds));
    sumS += trace.totalSteps[job]! / best;
  }
  return sumS / (to - from + 1) / 3_600;
}

function main(): void {
  if (values.jobs === undefined) stop("Give the jobs: --jobs multi_seed0.csv");
  const jobs = values.jobs;
  const chosen = POLICIES.filter(({ name }) => values.policy === "all" || values.policy === name);
  const names = POLICIES.map(({ name }) => name).join(", ");
  if (chosen.length === 0) stop(`--policy must be all, ${names}.`);
  const given = values["move-cost"];
  const costs = given === undefined ? MOVE_COSTS_S : [numberOption("move-cost", given, 0)];
  const bench = load(jobs);
  console.log(
    `${basename(jobs)}: jobs ${bench.measured.join(" to ")} are measured. Every job alone`,
  );
  console.log(
    `on its best kind: ${fixed(floorH(bench), 2)} h. LAS-Gavel on seed 0, measured in its`,
  );
  console.log(`authors' simulator: 20.26 h at 2.0 jobs/h, 34.30 h at 2.6 (max 1,717 h, rho 3.04).`);
  const rows = chosen.flatMap((named) => costs.map((cost) => run(bench, named, cost)));
  const knowing = (clairvoyant: boolean) =>
    rows.filter(({ named }) => named.clairvoyant === clairvoyant);
  printRows("knows speeds, not lengths", knowing(false));
  printRows("clairvoyant", knowing(true));
  checkPrinted(bench, rows);
  if (values["no-record"]) return;
  for (const row of rows) recordRow(row, jobs);
}

main();
