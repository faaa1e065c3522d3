// What a run would take on the pool as it is: which members, how long, how many bytes, at what
// cost, and how that changes with other members, inner steps and codecs. The sites of the first
// choice are those that the scheduler's own rule would take (core/scheduler/spanning), if all of
// them were free; nothing is held for anybody.
import type { JobSpec, Outcome, RunSpec } from "../pool/index.ts";
import { assert, ok, refuse } from "../pool/index.ts";
import { chooseSites, feasibleEver, type NodeView } from "../scheduler/index.ts";
import {
  type Codec,
  type ForecastSite,
  forecastRun,
  modelParameters,
  paceOfSites,
  ROUND_LIMITS,
  type RunForecast,
  type RunRules,
  speedFromHint,
  TRAINER_BATCHES,
} from "../training/index.ts";
import { linkOf, speedHint } from "./span.ts";
import type { State } from "./state.ts";
import { deviceFacts, learnedTokensPerSecond } from "./throughput.ts";
import { lentViews } from "./views.ts";

/** Inner steps that are tried beside the pool's own choice: the span that others have published. */
const INNER_STEPS_TRIED = [15, 60, 240, 500];
const CODECS_TRIED: readonly Codec[] = ["fp16", "int8", "int4", "ternary"];
/** Choices that are told; people compare a few. */
const CHOICES_MAX = 12;
/** Of more sites only the fastest are compared: each one more is two forecasts more. */
const SITES_MAX = 64;
const HOUR_MS = 3_600_000;

/** A site that could take part, and what is known of it. */
export interface PlanSite {
  readonly siteId: string;
  readonly member: string;
  readonly devices: number;
  readonly tokensPerSecond: number;
  /** Where its speed is known from: runs of this shape, its calibration, or nowhere. */
  readonly known: "measured" | "calibrated" | "guessed";
  readonly upMbitPerS: number;
  readonly downMbitPerS: number;
  /** Price of all its devices for an hour, in micro-credits. */
  readonly microPerHour: number;
}

/** One way to train the run. */
export interface PlanChoice {
  readonly siteIds: readonly string[];
  readonly innerSteps: number;
  /** Null: by each site's link. */
  readonly codecUp: string | null;
  readonly forecast: RunForecast;
  readonly costMicro: number;
  /** Way to the target in the same time, compared with the first choice. */
  readonly pace: number;
  readonly why: string;
}

export interface RunPlan {
  readonly parameters: number;
  readonly sites: readonly PlanSite[];
  /** The first is what the pool would do; others follow, the fastest first. */
  readonly choices: readonly PlanChoice[];
}

interface Known extends PlanSite {
  readonly forecast: ForecastSite;
}

/** Refuses INVALID_REQUEST for a job that is no run, IMPOSSIBLE_REQUEST where no site fits. */
export function planRun(state: State, spec: JobSpec): Outcome<RunPlan> {
  const { run } = spec;
  if (run === undefined) {
    return refuse("INVALID_REQUEST", "The job is no run.", "Plan a job file with `run:`.", "run");
  }
  const parameters = run.own?.parameters ?? modelParameters(run.model);
  const sites = sitesFor(state, spec, run, parameters);
  if (sites.length === 0) {
    const all = lentViews(state, state.nowMs);
    const why = feasibleEver(spec, all);
    if (!why.ok) return why;
    const hint = "Invite a member with `tequio member invite`.";
    return refuse("IMPOSSIBLE_REQUEST", "No site of the pool could run it.", hint);
  }
  const choices = choicesOf(sites, run, rulesOf(run, parameters));
  return ok({ parameters, choices, sites: sites.map(({ forecast: _, ...site }) => site) });
}

const rulesOf = (run: RunSpec, parameters: number): RunRules => ({
  ...{ parameters, context: run.model.context, innerSteps: run.innerSteps ?? null },
  ...{ referenceBatch: run.referenceBatch, maxBatch: run.maxBatch, stop: run.stop },
  batchSizes: TRAINER_BATCHES.filter((size) => size <= run.maxBatch),
  ...(run.codecUp === undefined ? {} : { codecUp: run.codecUp as Codec }),
  codecDown: (run.codecDown ?? "int8") as Codec,
  warmUpSteps: run.from === undefined ? run.warmUpSteps : 0,
});

function sitesFor(state: State, spec: JobSpec, run: RunSpec, parameters: number): readonly Known[] {
  const { priceOf } = deviceFacts(state);
  const byNode = Map.groupBy(lentViews(state, state.nowMs), (view) => view.siteId);
  const found = [...byNode].flatMap(([siteId, views]): Known[] => {
    const view = views.find((one) => feasibleEver(spec, [one]).ok);
    if (view === undefined) return [];
    return [knownSite(state, view, spec, run, parameters, priceOf, siteId)];
  });
  found.sort((a, b) => b.tokensPerSecond - a.tokensPerSecond || (a.siteId < b.siteId ? -1 : 1));
  return found.slice(0, SITES_MAX);
}

function knownSite(
  state: State,
  view: NodeView,
  spec: JobSpec,
  run: RunSpec,
  parameters: number,
  priceOf: ReturnType<typeof deviceFacts>["priceOf"],
  siteId: string,
): Known {
  const { resources, count } = spec.groups[0]!;
  const devices = Math.max(1, resources.accelerators * count);
  const device = view.node.accelerators.find(
    ({ kind }) => resources.kind === undefined || kind === resources.kind,
  );
  const learned =
    device === undefined ? undefined : learnedTokensPerSecond(state, run.model, device, devices);
  const hint = speedHint(state, siteId, parameters);
  const tokensPerSecond = learned ?? hint ?? ROUND_LIMITS.TOKENS_PER_SECOND_GUESS;
  const link = linkOf(state, siteId);
  const speed = speedFromHint(tokensPerSecond, run.model.context);
  return {
    ...{ siteId, member: view.member, devices, tokensPerSecond },
    known: learned !== undefined ? "measured" : hint === null ? "guessed" : "calibrated",
    ...{ upMbitPerS: link.upMbitPerS, downMbitPerS: link.downMbitPerS },
    microPerHour: device === undefined ? 0 : devices * priceOf(siteId, device),
    forecast: { siteId, speed, link, transferMs: null },
  };
}

interface Idea {
  readonly sites: readonly Known[];
  readonly rules: RunRules;
  readonly why: string;
}

function choicesOf(sites: readonly Known[], run: RunSpec, rules: RunRules): readonly PlanChoice[] {
  const most = Math.min(sites.length, run.maxMembers ?? sites.length);
  const paceOf = (some: readonly Known[]): number =>
    paceOfSites(
      some.map(({ forecast }) => forecast),
      rules,
    );
  const idOf = ({ siteId }: Known): string => siteId;
  const best = chooseSites({ held: [], candidates: sites, most, paceOf, idOf });
  assert(best.length > 0, "of some sites at least one is chosen");
  const first = choiceOf({ sites: best, rules, why: "what the pool would do" });
  const seen = new Set([keyOf(first)]);
  const others: PlanChoice[] = [];
  for (const idea of ideasOf(sites, best, most, run, rules)) {
    const choice = choiceOf(idea);
    if (seen.has(keyOf(choice))) continue;
    seen.add(keyOf(choice));
    others.push({ ...choice, pace: choice.forecast.pace / first.forecast.pace });
  }
  others.sort((a, b) => soonest(a) - soonest(b) || b.pace - a.pace);
  return [first, ...others.slice(0, CHOICES_MAX - 1)];
}

/** A run that ends by minutes is over when they are; then the way done decides. */
const soonest = ({ forecast }: PlanChoice): number => Math.round(forecast.durationMs);

const keyOf = ({ siteIds, innerSteps, codecUp }: PlanChoice): string =>
  [...siteIds.toSorted(), innerSteps, codecUp].join(" ");

/** Other sets of sites with the pool's own settings, then other settings on the pool's own set. */
function* ideasOf(
  sites: readonly Known[],
  best: readonly Known[],
  most: number,
  run: RunSpec,
  rules: RunRules,
): Generator<Idea, void> {
  if (sites.length <= most) yield { sites, rules, why: "every site that could take part" };
  yield { sites: [sites[0]!], rules, why: "the fastest site alone" };
  for (const one of best.length > 1 ? best : []) {
    const rest = best.filter((site) => site !== one);
    yield { sites: rest, rules, why: `without ${one.siteId}` };
  }
  for (const one of best.length < most ? sites : []) {
    if (!best.includes(one)) yield { sites: [...best, one], rules, why: `with ${one.siteId}` };
  }
  for (const innerSteps of run.innerSteps === undefined ? INNER_STEPS_TRIED : []) {
    const why = `an exchange every ${innerSteps} steps`;
    yield { sites: best, rules: { ...rules, innerSteps }, why };
  }
  for (const codecUp of run.codecUp === undefined ? CODECS_TRIED : []) {
    yield { sites: best, rules: { ...rules, codecUp }, why: `everything up as ${codecUp}` };
  }
}

function choiceOf({ sites, rules, why }: Idea): PlanChoice {
  const forecast = forecastRun(
    sites.map((site) => site.forecast),
    rules,
  );
  const perHour = sites.reduce((sum, { microPerHour }) => sum + microPerHour, 0);
  return {
    siteIds: sites.map(({ siteId }) => siteId),
    innerSteps: forecast.innerSteps,
    codecUp: rules.codecUp ?? null,
    forecast,
    costMicro: Math.ceil((perHour * forecast.durationMs) / HOUR_MS),
    pace: 1,
    why,
  };
}
