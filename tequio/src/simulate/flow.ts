// Jobs that come and go: reads them, plays every policy in every scenario, and makes the report.
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import {
  baseline,
  clusterSlots,
  FLOW_POLICIES,
  type FlowPolicy,
  type FlowRow,
  fitter,
  flowReport,
  nodesOf,
  playAlone,
  playScenario,
  type Report,
  type Scenario,
  scenarioOf,
  spanOf,
  type WhatIf,
} from "@tequio/core/simulator";
import { type FlowLoad, fitting, loadFlow } from "./flow-load.ts";
import type { OnProgress, Ports, SimulateRequest, TraceFormat } from "./request.ts";

/** Without a flag the production scheduler is compared with what most clusters do. */
const POLICIES_DEFAULT: readonly FlowPolicy[] = ["pool", "easy"];
/** Passes that the queues of a long trace are spread over: a minute or two of computing. */
const PASSES_DEFAULT = 20_000;
/** The control plane plans at most so often; see the pump. */
const PASS_LEAST_S = 10;
/** Time limits that stand in for those that a trace does not tell. */
const LIMITS_H = [1, 4, 12, 24, 72, 168, 336, 720];

/** Reads, plays and reports. */
export async function simulateFlow(
  request: SimulateRequest,
  source: { readonly format: TraceFormat | "generate"; readonly text: string },
  { onProgress, openStore }: Ports,
): Promise<Outcome<Report>> {
  const policies = policiesOf(request.policies);
  if (!policies.ok) return policies;
  const read = await loadFlow(request, source.format, { text: source.text, openStore });
  if (!read.ok) return read;
  const strictest = policies.value.includes("pool") ? "pool" : "easy";
  const fits = fitter(read.value.workload, read.value.cluster, strictest);
  const load = fitting(read.value, fits, request.skipTooLarge);
  if (!load.ok) return load;
  const whatIfs = whatIfsOf(request, load.value);
  if (!whatIfs.ok) return whatIfs;
  const base = baseline(load.value.cluster);
  const scenarios = [base, ...whatIfs.value.map((what) => scenarioOf(base.cluster, what))];
  const settings = settingsOf(request, load.value);
  const alone = playAlone(load.value.workload, base.cluster);
  const rows = scenarios.flatMap((scenario) =>
    policies.value.map((policy) => play(load.value, { scenario, policy }, settings, onProgress)),
  );
  return ok(
    flowReport({
      ...{ workload: load.value.workload, alone, rows },
      title: load.value.title,
      facts: factsOf(request, load.value, settings),
    }),
  );
}

interface Settings {
  readonly lossS: number;
  readonly passS: number;
  readonly limitS: number;
}

function play(
  { workload }: FlowLoad,
  { scenario, policy }: { readonly scenario: Scenario; readonly policy: FlowPolicy },
  settings: Settings,
  onProgress: OnProgress,
): FlowRow {
  const what = `${policy}, ${scenario.name}`;
  const of = workload.jobs.length;
  onProgress(what, 0, of);
  const told = (done: number): void => onProgress(what, done, of);
  const played = playScenario(workload, scenario, policy, { ...settings, onProgress: told });
  return { scenario, policy, played };
}

function policiesOf(asked: readonly string[]): Outcome<readonly FlowPolicy[]> {
  if (asked.length === 0) return ok(POLICIES_DEFAULT);
  const known: FlowPolicy[] = [];
  for (const name of asked.includes("all") ? FLOW_POLICIES : asked) {
    const policy = FLOW_POLICIES.find((one) => one === name);
    if (policy === undefined) return unknownPolicy(name, FLOW_POLICIES);
    if (!known.includes(policy)) known.push(policy);
  }
  return ok(known);
}

/** Refuses a name that is no policy for this kind of trace. */
export const unknownPolicy = (name: string, known: readonly string[]): Outcome<never> =>
  refuse(
    "USAGE",
    `No policy for this kind of trace is called ${name}.`,
    `Policies are ${known.join(", ")}; several with commas between them, or all.`,
  );

function whatIfsOf(request: SimulateRequest, { cluster }: FlowLoad): Outcome<readonly WhatIf[]> {
  const names = cluster.members.map(({ name }) => name);
  for (const name of [...request.without, ...request.pools].flat()) {
    if (names.includes(name)) continue;
    const shown = names.slice(0, NAMES_SHOWN).join(", ");
    const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : "";
    return refuse(
      "USAGE",
      `The cluster has no member ${name}.`,
      `Its members are ${shown}${more}.`,
    );
  }
  const pools = request.pools.filter((members) => members.length > 0);
  const everybody = request.without.find((members) => names.every((one) => members.includes(one)));
  if (everybody !== undefined) {
    return refuse("USAGE", "--without leaves nobody.", "Leave at least one member in the pool.");
  }
  return ok([
    ...request.without.map((members) => ({ kind: "without", members }) as const),
    ...pools.map((members) => ({ kind: "pool", members }) as const),
    ...request.scales.map((factor) => ({ kind: "scale", factor }) as const),
  ]);
}
const NAMES_SHOWN = 20;

function settingsOf(request: SimulateRequest, { workload }: FlowLoad): Settings {
  const longestS = workload.jobs.reduce((max, { durationS }) => Math.max(max, durationS), 1);
  const limitH = LIMITS_H.find((hours) => hours * 3_600 >= longestS);
  return {
    lossS: request.lossS,
    passS: request.passS ?? Math.max(PASS_LEAST_S, Math.round(spanOf(workload) / PASSES_DEFAULT)),
    limitS: request.limitS ?? 3_600 * (limitH ?? Math.ceil(longestS / 3_600)),
  };
}

function factsOf(
  request: SimulateRequest,
  { workload, cluster, clusterSaid, notes }: FlowLoad,
  { lossS, passS, limitS }: Settings,
): Report["facts"] {
  const { jobs, owners, unit } = workload;
  const count = (value: number): string => value.toLocaleString("en-US");
  const work = jobs.reduce((sum, one) => sum + one.durationS * one.request.width, 0);
  const unlimited = jobs.some((job) => job.limitS === undefined);
  const nodes = nodesOf(cluster).length;
  return [
    ["jobs", `${count(jobs.length)} of ${count(owners.length)} owners`],
    ["time", `${(spanOf(workload) / 86_400).toFixed(1)} days of submissions`],
    ["work", `${count(Math.round(work / 3_600))} ${unit.slice(0, -1)}-hours`],
    [
      "cluster",
      `${count(clusterSlots(cluster, unit))} ${unit} on ${count(nodes)} nodes of ` +
        `${count(cluster.members.length)} members; ${clusterSaid}`,
    ],
    ["seed", `${request.seed}`],
    ["restart", `loses ${lossS} s of work`],
    [
      "pool",
      `while jobs queue up, plans at most every ${passS} s` +
        (unlimited ? `; jobs without a time limit get ${limitS / 3_600} h` : ""),
    ],
    ...notes.map((note) => ["note", note] as const),
    ["command", request.command],
  ];
}
