// The report on jobs that come and go: policies and scenarios side by side, owners, what-ifs in
// words, and the plots.
import { clusterSlots } from "./cluster.ts";
import { type FlowFigures, figuresOf, mean, waitsOf } from "./figures.ts";
import type { Workload } from "./jobs.ts";
import type { Played } from "./played.ts";
import {
  figure,
  fixed,
  type Plot,
  percent,
  type Report,
  type ReportTable,
  type TimeUnit,
  unitFor,
  whole,
} from "./report.ts";
import { FLOW_POLICY_MEANS, type FlowPolicy, type Scenario } from "./scenario.ts";
import { waitCurve } from "./wait-curve.ts";

/** One policy in one scenario. */
export interface FlowRow {
  readonly scenario: Scenario;
  readonly policy: FlowPolicy;
  readonly played: Played;
}

export interface FlowReportInput {
  readonly workload: Workload;
  /** Every owner on its own machines. */
  readonly alone: Played;
  /** The first rows are those of the cluster as it is. */
  readonly rows: readonly FlowRow[];
  readonly facts: Report["facts"];
  readonly title: string;
}

interface Counted extends FlowRow {
  readonly name: string;
  readonly figures: FlowFigures;
  readonly waits: Float64Array;
}

/** Owners that a table or a plot shows; of more the largest are shown. */
const OWNERS_SHOWN = 40;
const OWNERS_DRAWN = 20;

/** Makes the report. */
export function flowReport(input: FlowReportInput): Report {
  const { workload, alone, rows } = input;
  const aloneWaits = waitsOf(workload.jobs, alone);
  const scenarios = new Set(rows.map(({ scenario }) => scenario.name));
  const counted = rows.map(
    (row): Counted => ({
      ...row,
      name: scenarios.size === 1 ? row.policy : `${row.policy}, ${row.scenario.name}`,
      figures: figuresOf(workload, row.scenario, row.played, aloneWaits),
      waits: waitsOf(workload.jobs, row.played),
    }),
  );
  const has = aloneWaits.some((wait) => !Number.isNaN(wait));
  const unit = unitFor(Math.max(...counted.map(({ figures }) => figures.waitMeanS)));
  const context = { workload, aloneWaits, unit, has };
  const shown = shownOf(counted);
  const owners = has ? [ownerTable(shown, unit)] : [];
  return {
    title: input.title,
    facts: input.facts,
    tables: [waitTable(counted, context), useTable(counted, context), ...owners],
    sentences: [...whatIfSentences(workload, counted, unit), ...meanings(counted)],
    plots: plotsOf(workload, shown, { unit, aloneWaits, has }),
    figures: {
      alone: has ? { waitMeanS: figure(mean(known(aloneWaits))) } : null,
      rows: counted.map(({ policy, scenario, figures, played }) => ({
        ...{ policy, scenario: scenario.name, ...rounded(figures), passes: played.passes },
      })),
    },
  };
}

/** What a plot can show: all policies on the cluster as it is, and the what-ifs of the first. */
function shownOf(rows: readonly Counted[]): readonly Counted[] {
  const first = rows[0]!;
  return rows
    .filter(({ scenario, policy }) => scenario === first.scenario || policy === first.policy)
    .slice(0, SERIES_DRAWN);
}
/** More lines in one drawing are not told apart; "alone" is one of them. */
const SERIES_DRAWN = 7;

const known = (values: Float64Array): number[] =>
  [...values].filter((value) => !Number.isNaN(value));

function rounded(figures: FlowFigures): object {
  const numbers = Object.entries(figures).map(([key, value]) =>
    typeof value === "number" ? [key, figure(value)] : [key, value],
  );
  return {
    ...Object.fromEntries(numbers),
    owners: figures.owners.map(({ owner, jobs, ownSlots, ...rest }) => ({
      ...{ owner, jobs, ownSlots },
      ...{ waitS: figure(rest.waitS), aloneS: figure(rest.aloneS), ratio: figure(rest.ratio) },
    })),
  };
}

interface Context {
  readonly workload: Workload;
  readonly aloneWaits: Float64Array;
  readonly unit: TimeUnit;
  readonly has: boolean;
}

function waitTable(rows: readonly Counted[], context: Context): ReportTable {
  const { unit, has, workload } = context;
  const at = unit.name;
  const cells = rows.map(({ scenario, policy, figures: f }) => [
    ...[policy, scenario.name, whole(f.capacity), whole(f.jobs)],
    ...[f.waitMeanS, f.waitP50S, f.waitP95S, f.waitMaxS, f.jctMeanS].map((s) => time(s, unit)),
    fixed(f.slowdown, 2),
  ]);
  if (has) cells.unshift(aloneRow(context));
  return {
    title: "Waits",
    note:
      `Waits and completion times (JCT) in ${at}; a wait is all time that brought a job no nearer` +
      " its end. The slowdown is bounded at 10 minutes.",
    columns: [
      ...["policy", "scenario", workload.unit, "jobs"],
      ...[`wait ${at}`, "p50", "p95", "max", `JCT ${at}`, "slowdown"],
    ],
    rows: cells,
  };
}

function aloneRow({ aloneWaits, workload, unit }: Context): string[] {
  const waitS = known(aloneWaits).sort((a, b) => a - b);
  const q = (part: number): number => waitS[Math.floor(waitS.length * part)] ?? Number.NaN;
  const jctS = workload.jobs.flatMap(({ durationS }, job) => {
    const wait = aloneWaits[job]!;
    return Number.isNaN(wait) ? [] : [wait + durationS];
  });
  return [
    ...["easy", "each owner alone", "", whole(waitS.length)],
    ...[mean(waitS), q(0.5), q(0.95), waitS.at(-1) ?? Number.NaN].map((s) => time(s, unit)),
    ...[time(mean(jctS), unit), ""],
  ];
}

function useTable(rows: readonly Counted[], { unit, has }: Context): ReportTable {
  const priced = rows.some(({ figures }) => figures.cost > 0);
  return {
    title: "Use and fairness",
    note:
      "Busy: mean over the time of submissions. Scattered: idle on partly busy nodes. Stops: jobs" +
      " stopped for others; lost: the hours of work that restarts lost; never: jobs that fit" +
      " nowhere." +
      (has
        ? " Worse off: owners whose mean wait is more than 1 s above that on their own machines" +
          " (first come first served with backfill); ratio: the worst completion time over alone."
        : ""),
    columns: [
      ...["policy", "scenario", "busy %", "scattered %"],
      ...(has ? ["worse off", `worst ${unit.name}`, "ratio"] : []),
      ...["stops", "lost h", "never", ...(priced ? ["cost"] : [])],
    ],
    rows: rows.map(({ scenario, policy, figures: f }) => [
      ...[policy, scenario.name, percent(f.utilisation), percent(f.scattered)],
      ...(has ? [worse(f), signed(f.worstLossS, unit), fixed(f.worstRatio, 2)] : []),
      ...[whole(f.preemptions), fixed(f.lostSlotH, 1), whole(f.unstarted)],
      ...(priced ? [whole(f.cost)] : []),
    ]),
  };
}

const time = (seconds: number, unit: TimeUnit): string => fixed(seconds / unit.seconds, 2);
const signed = (seconds: number, unit: TimeUnit): string => {
  if (!Number.isFinite(seconds)) return "-";
  const text = time(Math.abs(seconds), unit);
  return Number(text) === 0 ? text : `${seconds < 0 ? "-" : "+"}${text}`;
};
const worse = ({ worseOff, owners }: FlowFigures): string =>
  `${worseOff.length} of ${owners.filter(({ aloneS }) => !Number.isNaN(aloneS)).length}`;

function ownerTable(rows: readonly Counted[], unit: TimeUnit): ReportTable {
  const all = rows[0]!.figures.owners;
  const shown = [...all].sort((a, b) => b.jobs - a.jobs).slice(0, OWNERS_SHOWN);
  const names = new Set(shown.map(({ owner }) => owner));
  return {
    title: "Owners",
    note:
      `Mean wait in ${unit.name}; * marks owners that are worse off than alone.` +
      (all.length > shown.length ? ` The ${shown.length} with most jobs of ${all.length}.` : ""),
    columns: ["owner", "jobs", "own", "alone", ...rows.map(({ name }) => name)],
    rows: all
      .filter(({ owner }) => names.has(owner))
      .map(({ owner, jobs, ownSlots, aloneS }) => [
        ...[owner, whole(jobs), whole(ownSlots), time(aloneS, unit)],
        ...rows.map(({ figures }) => {
          const one = figures.owners.find((other) => other.owner === owner);
          if (one === undefined) return "gone";
          return `${figures.worseOff.includes(owner) ? "*" : ""}${time(one.waitS, unit)}`;
        }),
      ]),
  };
}

/** `pool, without ana: mean wait 1.6 h -> 2.1 h (+0.5 h); owner ben worse off by 0.4 h.` */
function whatIfSentences(
  { jobs }: Workload,
  rows: readonly Counted[],
  unit: TimeUnit,
): readonly string[] {
  const bases = new Map(
    rows.filter(({ scenario }) => scenario === rows[0]!.scenario).map((row) => [row.policy, row]),
  );
  return rows.flatMap((row) => {
    const base = bases.get(row.policy);
    if (base === undefined || base === row) return [];
    const both = [...jobs.keys()].filter(
      (job) => !Number.isNaN(row.waits[job]!) && !Number.isNaN(base.waits[job]!),
    );
    const before = mean(both.map((job) => base.waits[job]!));
    const after = mean(both.map((job) => row.waits[job]!));
    const moves = row.figures.owners.flatMap(({ owner, waitS }) => {
      const was = base.figures.owners.find((one) => one.owner === owner)?.waitS ?? Number.NaN;
      return Number.isFinite(waitS - was) ? [{ owner, byS: waitS - was }] : [];
    });
    moves.sort((a, b) => Math.abs(b.byS) - Math.abs(a.byS));
    const told = moves.filter(({ byS }) => time(Math.abs(byS), unit) !== time(0, unit)).slice(0, 3);
    const owners = told.map(
      ({ owner, byS }) =>
        `owner ${owner} ${byS > 0 ? "worse" : "better"} off by ` +
        `${time(Math.abs(byS), unit)} ${unit.name}`,
    );
    const change = `${time(before, unit)} ${unit.name} -> ${time(after, unit)} ${unit.name}`;
    const lost = row.figures.unstarted - base.figures.unstarted;
    const never = lost > 0 ? [`${whole(lost)} more jobs never start`] : [];
    return [
      `${row.policy}, ${row.scenario.name}: mean wait ${change} ` +
        `(${signed(after - before, unit)} ${unit.name}) for the ${whole(both.length)} jobs of ` +
        `both${[...never, ...owners].map((text) => `; ${text}`).join("")}.`,
    ];
  });
}

const meanings = (rows: readonly Counted[]): string[] =>
  [...new Set(rows.map(({ policy }) => policy))].map(
    (policy) => `${policy}: ${FLOW_POLICY_MEANS[policy]}.`,
  );

function plotsOf(
  { unit: slots, owners }: Workload,
  rows: readonly Counted[],
  context: { readonly unit: TimeUnit; readonly aloneWaits: Float64Array; readonly has: boolean },
): readonly Plot[] {
  const { unit, aloneWaits, has } = context;
  const days = (points: readonly (readonly [number, number])[], capacity: number) =>
    points.map(([s, value]): readonly [number, number] => [
      s / 86_400,
      (100 * value) / Math.max(capacity, 1),
    ]);
  const capacityOf = ({ scenario }: Counted): number => clusterSlots(scenario.cluster, slots);
  const inNodes = rows.filter(({ played }) => played.scattered !== undefined);
  const plots: Plot[] = [
    {
      ...{ kind: "lines", title: "Utilisation", xLabel: "days since the first submission" },
      ...{ yLabel: `busy ${slots}, %`, yMax: 100 },
      series: rows.map((row) => ({
        name: row.name,
        points: days(row.played.busy.points(), capacityOf(row)),
      })),
    },
    {
      ...{ kind: "lines", title: "Waits", xLabel: `wait, ${unit.name} (powers of ten)` },
      ...{ yLabel: "jobs that waited no longer, %", yMax: 100 },
      xLog: { least: LEAST_WAIT_S / unit.seconds },
      series: [
        ...rows.map(({ name, waits }) => ({ name, points: waitCurve(waits, unit.seconds) })),
        ...(has ? [{ name: "alone", points: waitCurve(aloneWaits, unit.seconds) }] : []),
      ],
    },
  ];
  if (has && owners.length > 1) plots.push(ownerPlot(rows, unit));
  if (inNodes.length > 0) {
    plots.push({
      ...{ kind: "lines", title: "Scattered", xLabel: "days since the first submission" },
      yLabel: `idle ${slots} on partly busy nodes, %`,
      series: inNodes.map((row) => ({
        name: row.name,
        points: days(row.played.scattered!.points(), capacityOf(row)),
      })),
    });
  }
  return plots;
}

/** Shorter waits stand at the left end of the axis. */
const LEAST_WAIT_S = 1;

function ownerPlot(rows: readonly Counted[], unit: TimeUnit): Plot {
  const first = rows[0]!.figures.owners;
  const drawn = [...first].sort((a, b) => b.jobs - a.jobs).slice(0, OWNERS_DRAWN);
  return {
    ...{ kind: "bars", title: "Owners, alone and here", yLabel: `mean wait, ${unit.name}` },
    series: ["alone", ...rows.map(({ name }) => name)],
    groups: drawn.map(({ owner, aloneS }) => ({
      name: owner,
      values: [
        aloneS / unit.seconds,
        ...rows.map(
          ({ figures }) =>
            (figures.owners.find((one) => one.owner === owner)?.waitS ?? Number.NaN) / unit.seconds,
        ),
      ],
    })),
  };
}
