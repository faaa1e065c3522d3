// Owners that pool their clusters (protocol C of the reference page): the waits of every owner
// alone, and of the pool under a policy, on a trace of jobs with owners.
//   node bench/philly.ts --jobs philly_jobs.csv.gz [--capacity 1.0] [--policy shares|fcfs|
//   shortest-gpu-time|all] [--loss 60] [--smallest] [--no-record]
// `shares` preempts and knows no durations; the other two are the page's baselines. A wait is the
// time from submission to end less the duration, so it counts every pause and all lost work.
import { parseArgs } from "node:util";
import { SharesPlan } from "@tequio/core/scheduler";
import {
  compareOwners,
  type EasyOrder,
  jobsOf,
  type OwnerNeed,
  type OwnerTrace,
  ownerNeeds,
  parsePhilly,
  replayEasy,
  replayShared,
  reportWaits,
  type WaitReport,
} from "@tequio/core/simulator";
import { fixed, numberOption, printTable, readTrace, rounded, stop } from "./lib/traces.ts";
import { record } from "./record.ts";

const { values } = parseArgs({
  options: {
    jobs: { type: "string" },
    capacity: { type: "string", default: "1.0" },
    policy: { type: "string", default: "all" },
    loss: { type: "string", default: "60" },
    smallest: { type: "boolean", default: false },
    "no-record": { type: "boolean", default: false },
  },
});

/** Page C.5, on the whole Philly trace. */
const PUBLISHED = {
  isolatedMeanWaitH: 161.63,
  pooledFcfsMeanWaitH: 69.93,
  pooledShortestGpuTimeMeanWaitH: 2.17,
};
const POLICIES = ["fcfs", "shortest-gpu-time", "shares"] as const;
type Policy = (typeof POLICIES)[number];
/** The trace of the published figures, by its number of jobs, and how near ours must be. */
const PUBLISHED_JOBS = 82_247;
const PUBLISHED_NEAR_H = 0.006;
const KNOWS: Readonly<Record<Policy, string>> = {
  fcfs: "durations, in the backfill",
  "shortest-gpu-time": "durations, in order and backfill",
  shares: "no durations",
};
const HOUR_S = 3_600;

interface Row {
  readonly name: string;
  readonly knows: string;
  readonly report: WaitReport;
  readonly preemptions: number;
  readonly lostGpuH: number;
  readonly idleHeldGpuH: number;
  readonly firstStartMeanH: number;
  readonly laterThanAlone: number;
  readonly cpuS: number;
}

function isolatedWaits(trace: OwnerTrace, needs: readonly OwnerNeed[]): Float64Array {
  const waitS = new Float64Array(trace.gpus.length);
  needs.forEach(({ capacity }, owner) => {
    const jobs = jobsOf(trace, owner);
    const startS = replayEasy(trace, jobs, capacity, "fcfs");
    jobs.forEach((job, at) => {
      waitS[job] = startS[at]! - trace.submitS[job]!;
    });
  });
  return waitS;
}

function easyRow(trace: OwnerTrace, capacity: number, order: EasyOrder): Row {
  const cpu = process.cpuUsage();
  const startS = replayEasy(trace, jobsOf(trace), capacity, order);
  const report = reportWaits(
    trace,
    startS.map((at, job) => at - trace.submitS[job]!),
  );
  return {
    ...{ name: `pooled, ${order} + EASY`, knows: KNOWS[order], report, preemptions: 0 },
    ...{ lostGpuH: 0, idleHeldGpuH: Number.NaN, firstStartMeanH: report.meanH },
    ...{ laterThanAlone: Number.NaN, cpuS: process.cpuUsage(cpu).user / 1e6 },
  };
}

function sharesRow(
  trace: OwnerTrace,
  ownCapacity: readonly number[],
  options: { readonly capacity: number; readonly lossS: number; readonly aloneS: Float64Array },
): Row {
  const cpu = process.cpuUsage();
  const { capacity, lossS, aloneS } = options;
  const policy = new SharesPlan({ capacity, ownCapacity, lossS });
  const { waitS, firstStartS, ...replay } = replayShared(trace, { capacity, lossS }, policy);
  const started = firstStartS.reduce((sum, at, job) => sum + at - trace.submitS[job]!, 0);
  return {
    ...{ name: `pooled, shares, ${lossS} s lost a restart`, knows: KNOWS.shares, ...replay },
    report: reportWaits(trace, waitS),
    firstStartMeanH: started / waitS.length / HOUR_S,
    laterThanAlone: waitS.reduce((sum, wait, job) => sum + (wait > aloneS[job]! + 1 ? 1 : 0), 0),
    cpuS: process.cpuUsage(cpu).user / 1e6,
  };
}

function printRows(rows: readonly Row[], alone: WaitReport): void {
  const head = ["setting", "knows", "mean h", "p50", "p90", "p99", "max", "slowdown"];
  const more = ["owner mean", "worse off", "worst loss h", "preempted", "lost GPU-h", "idle held"];
  const table = rows.map(({ name, knows, report: r, ...row }) => {
    const { worseOff, worstLossH } = compareOwners(r.ownerMeanH, alone.ownerMeanH);
    const waits = [r.meanH, r.p50H, r.p90H, r.p99H, r.maxH, r.boundedSlowdown, r.meanOfOwnersH];
    return [
      ...[name, knows, ...waits.map((value) => fixed(value, 2))],
      ...[`${worseOff.length} of ${r.ownerMeanH.length}`, fixed(worstLossH, 3)],
      ...[`${row.preemptions}`, fixed(row.lostGpuH, 0), fixed(row.idleHeldGpuH, 0)],
    ];
  });
  printTable([[...head, ...more], ...table]);
}

function printOwners(
  trace: OwnerTrace,
  needs: readonly OwnerNeed[],
  alone: WaitReport,
  rows: readonly Row[],
): void {
  const names = rows.map(({ name }) => name.replace("pooled, ", ""));
  const owners = trace.owners.map((owner, at) => {
    const { jobs, demand, widest, capacity } = needs[at]!;
    const aloneH = alone.ownerMeanH[at]!;
    const cells = rows.map(({ report }) => {
      const worse = (report.ownerMeanH[at]! - aloneH) * HOUR_S > 1 ? "*" : "";
      return `${worse}${fixed(report.ownerMeanH[at]!, 3)}`;
    });
    const need = [owner, `${jobs}`, fixed(demand, 1), `${widest}`, `${capacity}`];
    return [...need, fixed(aloneH, 3), ...cells];
  });
  const head = ["owner", "jobs", "demand", "widest", "own GPUs", "isolated", ...names];
  console.log("\nMean wait by owner in hours; * = worse off than alone by more than 1 s.");
  printTable([head, ...owners]);
}

/** The smallest pool in which nobody is worse off and all larger tried ones are so too. */
function smallestPool(
  trace: OwnerTrace,
  needs: readonly OwnerNeed[],
  options: { readonly lossS: number; readonly aloneS: Float64Array; readonly alone: WaitReport },
): number {
  const whole = needs.reduce((sum, { capacity }) => sum + capacity, 0);
  const widest = Math.max(...needs.map((need) => need.widest));
  const ownCapacity = needs.map((need) => need.capacity);
  let smallest = whole;
  for (let percent = 99; percent >= 50; percent -= 1) {
    const capacity = Math.round((whole * percent) / 100);
    if (capacity < widest) break;
    const row = sharesRow(trace, ownCapacity, { ...options, capacity });
    const { worseOff } = compareOwners(row.report.ownerMeanH, options.alone.ownerMeanH);
    const mean = fixed(row.report.meanH, 2);
    console.log(`${percent} %: ${capacity} GPUs, mean ${mean} h, worse off ${worseOff.length}`);
    if (worseOff.length > 0) break;
    smallest = capacity;
  }
  return smallest;
}

function policiesOf(name: string): readonly Policy[] {
  if (name === "all") return POLICIES;
  const known = POLICIES.find((policy) => policy === name);
  return known === undefined ? stop(`--policy must be all, ${POLICIES.join(", ")}.`) : [known];
}

function recordRow(row: Row, alone: WaitReport, details: object): void {
  const { ownerMeanH, ...report } = row.report;
  const { worseOff, worstLossH } = compareOwners(ownerMeanH, alone.ownerMeanH);
  const figures = Object.fromEntries(
    Object.entries({ ...report, worstLossH, ...row, report: 0, name: 0, knows: 0 })
      .filter(([, value]) => typeof value === "number" && Number.isFinite(value))
      .map(([name, value]) => [name, rounded(value as number)]),
  );
  const { report: _report, name: _name, knows: _knows, ...kept } = figures;
  record("philly", {
    claim: `Mean wait by owner, ${row.name}`,
    value: rounded(report.meanH),
    unit: "h",
    bar: "<= 10, no owner worse off",
    peer: { ...PUBLISHED, isolatedHere: rounded(alone.meanH) },
    details: { ...details, knows: row.knows, ...kept, worseOff: worseOff.length },
  });
}

/** On the page's own trace the baselines must come out as printed there, or the replay is wrong. */
function checkPublished(
  trace: OwnerTrace,
  factor: number,
  alone: WaitReport,
  rows: readonly Row[],
) {
  if (trace.gpus.length !== PUBLISHED_JOBS || factor !== 1) return;
  const ours: readonly (readonly [number, number | undefined])[] = [
    [PUBLISHED.isolatedMeanWaitH, alone.meanH],
    ...(["fcfs", "shortest-gpu-time"] as const).map(
      (order) =>
        [
          order === "fcfs"
            ? PUBLISHED.pooledFcfsMeanWaitH
            : PUBLISHED.pooledShortestGpuTimeMeanWaitH,
          rows.find(({ name }) => name.startsWith(`pooled, ${order}`))?.report.meanH,
        ] as const,
    ),
  ];
  for (const [published, here] of ours) {
    if (here === undefined || Math.abs(here - published) <= PUBLISHED_NEAR_H) continue;
    stop(`The page prints ${published} h for this trace, this replay gives ${here} h.`);
  }
  console.log("\nThe baselines are those of the page.");
}

function main(): void {
  if (values.jobs === undefined) stop("Give the trace: --jobs philly_jobs.csv.gz");
  const trace = readTrace(values.jobs, parsePhilly);
  const factor = numberOption("capacity", values.capacity, 0.01);
  const lossS = numberOption("loss", values.loss, 0);
  const needs = ownerNeeds(trace);
  const ownCapacity = needs.map((need) => need.capacity);
  const whole = ownCapacity.reduce((sum, own) => sum + own, 0);
  const capacity = Math.round(whole * factor);
  const widest = Math.max(...needs.map((need) => need.widest));
  if (capacity < widest) stop(`A job needs ${widest} GPUs, the pool would have ${capacity}.`);
  const aloneS = isolatedWaits(trace, needs);
  const alone = reportWaits(trace, aloneS);
  console.log(
    `${trace.gpus.length} jobs, ${trace.owners.length} owners, own clusters ${whole} GPUs,`,
  );
  console.log(
    `pool ${capacity} GPUs. Isolated, FCFS + EASY: mean wait ${fixed(alone.meanH, 2)} h,`,
  );
  console.log(
    `p50 ${fixed(alone.p50H, 2)}, p90 ${fixed(alone.p90H, 2)}, p99 ${fixed(alone.p99H, 2)},`,
  );
  console.log(`mean of owner means ${fixed(alone.meanOfOwnersH, 2)} h.\n`);
  const rows = policiesOf(values.policy).flatMap((policy) => {
    if (policy !== "shares") return [easyRow(trace, capacity, policy)];
    const losses = lossS === 0 ? [0] : [lossS, 0];
    return losses.map((each) => sharesRow(trace, ownCapacity, { capacity, lossS: each, aloneS }));
  });
  printRows(rows, alone);
  printOwners(trace, needs, alone, rows);
  checkPublished(trace, factor, alone, rows);
  for (const { name, ...row } of rows) {
    const start = fixed(row.firstStartMeanH, 2);
    const later = Number.isNaN(row.laterThanAlone)
      ? ""
      : `, ${row.laterThanAlone} later than alone`;
    console.log(`${name}: first start after ${start} h${later}, ${fixed(row.cpuS, 2)} s of CPU`);
  }
  const smallest = values.smallest
    ? smallestPool(trace, needs, { lossS, aloneS, alone })
    : undefined;
  if (values["no-record"]) return;
  for (const row of rows) recordRow(row, alone, { capacity, factor, smallest });
}

main();
