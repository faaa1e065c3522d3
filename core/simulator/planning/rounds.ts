// Jobs that run at another speed on each kind of accelerator, in rounds: policies by name, and the
// report on completion times and fairness.
import {
  byArrival,
  byGpuTimeLeft,
  byRelativeSpeed,
  byService,
  byTimeLeft,
  GuardedRounds,
  greedyPolicy,
  LasGavel,
  type RoundPolicy,
} from "../../scheduler/rounds/index.ts";
import { replayEqualShare } from "../replay/equal-share.ts";
import type { KindTrace } from "../replay/kinds-jobs.ts";
import { type RoundsReplay, replayRounds } from "../replay/rounds.ts";
import { type RoundsReport, reportRounds } from "../replay/rounds-report.ts";
import { figure, fixed, type Point, percent, type Report, whole } from "./report.ts";
import { waitCurve } from "./wait-curve.ts";

interface Named {
  readonly means: string;
  readonly make: (trace: KindTrace) => RoundPolicy;
}

const counts = ({ kinds }: KindTrace) => ({ count: kinds.map(({ count }) => count) });

const POLICIES = {
  rounds: {
    means: "least service with exchanges of kinds, wide and late jobs guarded; no lengths",
    make: (trace) => new GuardedRounds(counts(trace)),
  },
  "las-gavel": {
    means: "Gavel's least attained service as published; no lengths",
    make: (trace) => new LasGavel(counts(trace)),
  },
  las: {
    means: "least attained service, greedily; no lengths",
    make: () => greedyPolicy(byService),
  },
  "las-swaps": {
    means: "the same with exchanges of kinds; no lengths",
    make: () => greedyPolicy(byService, byRelativeSpeed),
  },
  fifo: { means: "first in, first out; no lengths", make: () => greedyPolicy(byArrival) },
  "shortest-time": {
    means: "least time left first; knows lengths",
    make: ({ totalSteps }) => greedyPolicy(byTimeLeft(totalSteps)),
  },
  "shortest-gpu-time": {
    means: "least accelerator-time left first; knows lengths",
    make: ({ totalSteps }) => greedyPolicy(byGpuTimeLeft(totalSteps)),
  },
} as const satisfies Record<string, Named>;

export type RoundsPolicyName = keyof typeof POLICIES;
export const ROUNDS_POLICIES = Object.keys(POLICIES) as readonly RoundsPolicyName[];

/** One cluster, under a name. */
export interface RoundsScenario {
  readonly name: string;
  readonly trace: KindTrace;
}

export interface RoundsInput {
  readonly title: string;
  readonly facts: Report["facts"];
  readonly scenarios: readonly RoundsScenario[];
  readonly policies: readonly RoundsPolicyName[];
  /** Measured jobs, from the first to the last, both included. */
  readonly measured: readonly [from: number, to: number];
  readonly arrivalsMax: number;
  readonly moveCostS: number;
  readonly onProgress?: (what: string, arrived: number, of: number) => void;
}

interface Row {
  readonly name: string;
  readonly policy: RoundsPolicyName;
  readonly scenario: RoundsScenario;
  readonly report: RoundsReport;
  readonly replay: RoundsReplay;
}

/** Plays every policy on every cluster and reports. */
export function roundsReport(input: RoundsInput): Report {
  const rows = input.scenarios.flatMap((scenario) => {
    const equalEndS = replayEqualShare(scenario.trace, input.measured[1]);
    return input.policies.map((policy) => play(input, { scenario, policy, equalEndS }));
  });
  const first = rows[0]!;
  return {
    title: input.title,
    facts: input.facts,
    tables: [tableOf(rows)],
    sentences: [
      ...rows.flatMap((row) => changeOf(rows, row)),
      ...input.policies.map((policy) => `${policy}: ${POLICIES[policy].means}.`),
    ],
    plots: [
      {
        ...{ kind: "lines", title: "Completion times", yLabel: "jobs done within, %", yMax: 100 },
        xLabel: "completion time, h (powers of ten)",
        xLog: { least: LEAST_H },
        series: rows.map((row) => ({ name: row.name, points: doneCurve(row, input.measured) })),
      },
      {
        ...{ kind: "bars", title: "Fairness", yLabel: "completion time over equal share's" },
        series: rows.map(({ name }) => name),
        groups: [
          { name: "mean", values: rows.map(({ report }) => report.rhoMean) },
          { name: "99th of 100", values: rows.map(({ report }) => report.rhoP99) },
          { name: "worst", values: rows.map(({ report }) => report.rhoMax) },
        ],
      },
    ],
    figures: {
      measured: [first === undefined ? 0 : input.measured[0], input.measured[1]],
      rows: rows.map(({ policy, scenario, report, replay }) => ({
        ...{ policy, scenario: scenario.name },
        ...Object.fromEntries(Object.entries(report).map(([key, value]) => [key, figure(value)])),
        ...{ moves: replay.moves, restarts: replay.restarts, use: figure(replay.use) },
      })),
    },
  };
}

/** Shorter completion times stand at the left end of the axis. */
const LEAST_H = 0.01;

function play(
  input: RoundsInput,
  one: {
    readonly scenario: RoundsScenario;
    readonly policy: RoundsPolicyName;
    readonly equalEndS: Float64Array;
  },
): Row {
  const { scenario, policy, equalEndS } = one;
  const { measured, moveCostS, arrivalsMax } = input;
  const name = input.scenarios.length === 1 ? policy : `${policy}, ${scenario.name}`;
  const of = Math.min(measured[1] + 1, scenario.trace.gpus.length);
  const onProgress = (arrived: number): void => input.onProgress?.(name, arrived, of);
  const options = { measured, moveCostS, arrivalsMax, onProgress };
  const replay = replayRounds(scenario.trace, options, POLICIES[policy].make(scenario.trace));
  const report = reportRounds(scenario.trace, replay, measured, equalEndS);
  return { name, policy, scenario, report, replay };
}

function tableOf(rows: readonly Row[]): Report["tables"][number] {
  const several = new Set(rows.map(({ scenario }) => scenario.name)).size > 1;
  return {
    title: "Policies",
    note:
      "Completion times (JCT) in h; unfinished jobs count with their age. rho is the completion" +
      " time over that in a cluster where every job has an equal share of every kind.",
    columns: [
      ...["policy", ...(several ? ["scenario"] : []), "JCT h", "p99", "max", "unfinished"],
      ...["rho", "p99", "worst", "rho > 1", "moves", "restarts", "busy %"],
    ],
    rows: rows.map(({ policy, scenario, report: r, replay }) => [
      ...[policy, ...(several ? [scenario.name] : [])],
      ...[fixed(r.meanH, 2), fixed(r.p99H, 1), fixed(r.maxH, 1), whole(r.unfinished)],
      ...[fixed(r.rhoMean, 2), fixed(r.rhoP99, 2), fixed(r.rhoMax, 2), whole(r.rhoAbove1)],
      ...[whole(replay.moves), whole(replay.restarts), percent(replay.use)],
    ]),
  };
}

function changeOf(rows: readonly Row[], row: Row): readonly string[] {
  const base = rows.find(({ policy }) => policy === row.policy)!;
  if (base === row) return [];
  const more = row.report.unfinished - base.report.unfinished;
  const left =
    more === 0 ? "" : `; ${whole(Math.abs(more))} ${more > 0 ? "more" : "fewer"} unfinished`;
  return [
    `${row.policy}, ${row.scenario.name}: mean completion ${fixed(base.report.meanH, 2)} h -> ` +
      `${fixed(row.report.meanH, 2)} h; worst rho ${fixed(base.report.rhoMax, 2)} -> ` +
      `${fixed(row.report.rhoMax, 2)}${left}.`,
  ];
}

function doneCurve(
  { scenario, replay }: Row,
  [from, to]: readonly [number, number],
): readonly Point[] {
  const jctS = Float64Array.from({ length: to - from + 1 }, (_, at) => {
    const job = from + at;
    const endS = replay.endS[job]!;
    // What had not ended lies beyond the right end: it never comes up to 100 %.
    return (Number.isNaN(endS) ? replay.stoppedS : endS) - scenario.trace.arrivalS[job]!;
  });
  return waitCurve(jctS, 3_600);
}

/** The clusters' kinds with a part of their accelerators each, at least one. */
export const scaleKinds = (kinds: KindTrace["kinds"], factor: number): KindTrace["kinds"] =>
  kinds.map(({ name, count }) => ({ name, count: Math.max(1, Math.round(count * factor)) }));
