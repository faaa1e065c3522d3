// What is known of a spanning run and of the sites that it has or might get: how fast each trains
// and how good its link is. The choice is the scheduler's (core/scheduler/spanning), the sizes of
// rounds those of core/training.
import { bandwidthAt, type Link, type ModelShape } from "../pool/index.ts";
import {
  heldSentences,
  type Plan,
  passOf,
  type SpanForecast,
  type SpanOutlook,
  type SpanPart,
  type SpanSite,
} from "../scheduler/index.ts";
import {
  type ForecastPart,
  type ForecastRules,
  type ForecastSite,
  forecastRound,
  joinMs,
  type RunState as Machine,
  paceOfSites,
  ROUND_LIMITS,
  siteOf,
  speedFromHint,
  tokensPerSecond,
} from "../training/index.ts";
import { offerOf } from "./lending.ts";
import { openLeasesOf, theSite } from "./lookup.ts";
import type { JobState, LeaseState, RunState, State } from "./state.ts";
import { learnedTokensPerSecond } from "./throughput.ts";

/** Assumed of a site whose link was not measured: an office line. */
const LINK_DEFAULT: Link = { rttMs: 20, upMbitPerS: 50, downMbitPerS: 100 };
/** A link that measured as nothing would make every exchange endless. */
const MBIT_PER_S_MIN = 0.01;

/** The link of a site as it was measured, or a usual one, and what its owner lets training use of
 * it at this hour. */
export function linkOf(state: State, siteId: string): Link {
  const site = state.sites.get(siteId);
  const link = site?.calibration?.link ?? LINK_DEFAULT;
  const rules = site === undefined ? [] : (offerOf(state, site).bandwidth ?? []);
  const { upMbitPerS: up, downMbitPerS: down } = bandwidthAt(rules, state.nowMs);
  return {
    rttMs: link.rttMs,
    upMbitPerS: Math.max(MBIT_PER_S_MIN, link.upMbitPerS),
    downMbitPerS: Math.max(MBIT_PER_S_MIN, link.downMbitPerS),
    ...(up === Infinity ? {} : { upCapMbitPerS: up }),
    ...(down === Infinity ? {} : { downCapMbitPerS: down }),
  };
}

/** Operations per parameter and token of one training step: forward 2, backward 4. */
const OPERATIONS_PER_PARAMETER = 6;
/** The trainer's products are about so many times as fast as the calibration's, which is plain
 * JavaScript. Only a first guess: the first stretch measures the site's true speed. */
const TRAINER_OVER_CALIBRATION = 25;

/** Tokens per second that a site's calibration lets expect; null for one without. */
export function speedHint(state: State, siteId: string, parameters: number): number | null {
  const gemmGflops = state.sites.get(siteId)?.calibration?.gemmGflops;
  if (gemmGflops === undefined || gemmGflops <= 0) return null;
  const operationsPerS = gemmGflops * 1e9 * TRAINER_OVER_CALIBRATION;
  return operationsPerS / (OPERATIONS_PER_PARAMETER * parameters);
}

/** A site is of no use that fetches the model for longer than this part of the run's rest. */
const JOIN_SHARE_MAX = 0.5;

/** The sites that a run has, and what any set of sites would make of it. */
export function spanOutlook(state: State, job: JobState, run: RunState): SpanOutlook {
  const { machine } = run;
  const rules: ForecastRules = { ...machine.config, innerSteps: machine.innerSteps };
  const hintScale = hintScaleOf(state, machine);
  const held = openLeasesOf(state, job).map((lease) => heldSite(state, lease));
  const known = new Map<SpanSite, Known>();
  const ofSite = (site: SpanSite): Known => {
    let one = known.get(site);
    if (one === undefined) {
      one = knownOf(state, run, job.spec.run!.model, site, hintScale);
      known.set(site, one);
    }
    return one;
  };
  const forecast = (sites: readonly SpanSite[]): SpanForecast => {
    const all = sites.map(ofSite);
    const useful = all.filter(({ useless }) => useless === undefined);
    // Where nobody is in time, the one that comes nearest is still tried.
    const tried = (useful.length > 0 ? useful : all).map(({ site }) => site);
    const round = forecastRound(tried, rules);
    const partOf = new Map(round.parts.map((part) => [part.siteId, part]));
    const { roundMs } = round;
    const pace = paceOfSites(tried, rules);
    const parts = all.map((one) => spanPart(one, partOf.get(one.site.siteId), roundMs));
    return { roundMs, pace, parts };
  };
  return { held, forecast };
}

/** A site of a run, or one that is not: with the reason. */
export interface SiteChoice {
  readonly siteId: string;
  readonly taken: boolean;
  readonly text: string;
}

/** Why the sites of a run take part, and others with room do not, by the newest plan. */
export function siteChoices(
  state: State,
  job: JobState,
  plan: Plan | undefined,
): readonly SiteChoice[] {
  const run = state.runs.get(job.jobId);
  if (run === undefined || job.stage === "ended") return [];
  const held = heldSentences(spanOutlook(state, job, run));
  const left = [...((plan && passOf(plan))?.leftOut.get(job.jobId) ?? [])].filter(
    ([siteId]) => !held.some((one) => one.siteId === siteId),
  );
  return [
    ...held.map((one) => ({ ...one, taken: true })),
    ...left.map(([siteId, { text }]) => ({ siteId, text, taken: false })),
  ];
}

interface Known {
  readonly site: ForecastSite;
  /** Why the site cannot help, whatever the others are. */
  readonly useless: string | undefined;
}

function spanPart({ site, useless }: Known, part: ForecastPart | undefined, roundMs: number) {
  const { siteId, link } = site;
  const { upMbitPerS } = link;
  const transferMs = part?.transferMs ?? 0;
  const tokensPerS = part === undefined ? 0 : (1_000 * part.tokens) / roundMs;
  const figures: SpanPart = { siteId, tokensPerSecond: tokensPerS, transferMs, upMbitPerS };
  if (useless !== undefined) return { ...figures, useless };
  if (tokensPerS > 0) return figures;
  const [exchange, round] = [transferMs, roundMs].map((ms) => `${(ms / 1_000).toFixed(1)} s`);
  const text = `its exchange of ${exchange} and one step do not fit into rounds of ${round}`;
  return { ...figures, useless: text };
}

function heldSite(state: State, { lease }: LeaseState): SpanSite {
  const { siteId, placements } = lease;
  const devices = placements.reduce((sum, placement) => sum + placement.acceleratorIds.length, 0);
  const first = placements.find(({ acceleratorIds }) => acceleratorIds.length > 0);
  const node = theSite(state, siteId).nodes.find(({ name }) => name === first?.node);
  const device = node?.accelerators.find(({ id }) => id === first?.acceleratorIds[0]);
  return device === undefined ? { siteId, devices } : { siteId, device, devices };
}

/** As measured in this run, else as its devices did elsewhere, else by calibration or a guess. */
function knownOf(
  state: State,
  { machine }: RunState,
  model: ModelShape,
  { siteId, device, devices }: SpanSite,
  hintScale: number,
): Known {
  const member = siteOf(machine, siteId);
  const { parameters, context } = machine.config;
  const learned =
    device === undefined ? undefined : learnedTokensPerSecond(state, model, device, devices);
  const hint =
    (speedHint(state, siteId, parameters) ?? ROUND_LIMITS.TOKENS_PER_SECOND_GUESS) * hintScale;
  const site: ForecastSite = {
    siteId,
    speed: member?.speed ?? speedFromHint(learned ?? hint, context),
    link: member?.link ?? linkOf(state, siteId),
    transferMs: member?.transferMs ?? null,
  };
  return { site, useless: member?.here === true ? undefined : tooLate(machine, site) };
}

/** Why a site that is not there yet comes too late for this run; undefined when it does not. */
function tooLate(machine: Machine, { link }: ForecastSite): string | undefined {
  const { stop, parameters } = machine.config;
  if (stop.minutes === undefined) return undefined;
  const spentMs = machine.clockStartMs === null ? 0 : machine.nowMs - machine.clockStartMs;
  const leftMs = Math.max(0, 60_000 * stop.minutes - spentMs);
  const fetchMs = joinMs(link, parameters);
  if (fetchMs <= JOIN_SHARE_MAX * leftMs) return undefined;
  const [fetch, left] = [fetchMs, leftMs].map((ms) => `${Math.ceil(ms / 1_000)} s`);
  return `it would fetch the model for ${fetch}, and the run ends in ${left}`;
}

/** How much faster than their calibration lets expect the measured sites are, in the middle. */
function hintScaleOf(state: State, { sites, config }: Machine): number {
  const ratios = sites.flatMap(({ siteId, speed }) => {
    const hint = speedHint(state, siteId, config.parameters);
    if (speed === null || hint === null) return [];
    return [tokensPerSecond(speed, config.referenceBatch, config.context) / hint];
  });
  ratios.sort((a, b) => a - b);
  return ratios[(ratios.length - 1) >> 1] ?? 1;
}
