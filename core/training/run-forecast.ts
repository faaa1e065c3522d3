/**
 * What a whole run would take on a set of sites: time, rounds, bytes, and the part of the time in
 * which devices compute; from the same typical round (`forecast.ts`) by which sites are chosen.
 * What that costs and which sets are compared is left to the controller.
 */
import type { ModelShape } from "../pool/index.ts";
import { codedBytes } from "./codec/index.ts";
import {
  type ForecastRules,
  type ForecastSite,
  forecastRound,
  type RoundForecast,
} from "./forecast.ts";
import { codecForLink } from "./schedule.ts";
import { linkMs, OBSERVATION_WEIGHT, stepMs } from "./speed.ts";

/** What of a run's configuration its length depends on. */
export interface RunRules extends ForecastRules {
  /** Steps on one site before the others start. */
  readonly warmUpSteps: number;
}

export interface RunForecast extends RoundForecast {
  /** From the first site's start to the end, ms. */
  readonly durationMs: number;
  /** Of that: warm-up, and fetching the first model, ms. */
  readonly startMs: number;
  readonly rounds: number;
  readonly tokens: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Part of the rounds' time in which the sites' devices compute, 0 to 1. */
  readonly computing: number;
}

/** Batches for which the embedded trainer has graphs. */
export const TRAINER_BATCHES: readonly number[] = [
  ...[1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128],
];

/** Warm-up takes at most this part of a run's minutes (`round/settle.ts`). */
const WARM_UP_SHARE_MAX = 0.3;

/** Parameters of the embedded model: V d + T d + L (12 d^2 + 4 d) + 2 d. */
export function modelParameters({ vocab, context, width, layers }: ModelShape): number {
  return (vocab + context) * width + layers * (12 * width * width + 4 * width) + 2 * width;
}

/** Forecasts a run; sites must not be empty, and the stop rule names at least one end. */
export function forecastRun(sites: readonly ForecastSite[], rules: RunRules): RunForecast {
  const round = forecastRound(sites, rules);
  const { parameters, stop } = rules;
  const working = sites.filter((_, i) => round.parts[i]!.tokens > 0);
  const warmUp = warmUpOf(sites, rules);
  const startMs = warmUp.ms + fetchMs(working, rules);
  const perRound = round.parts.reduce((sum, { tokens }) => sum + tokens, 0);
  const left = {
    minutes: Math.max(0, 60_000 * (stop.minutes ?? Infinity) - startMs) / round.roundMs,
    tokens: Math.max(0, (stop.tokens ?? Infinity) - warmUp.tokens) / Math.max(1, perRound),
    rounds: stop.rounds ?? Infinity,
  };
  const rounds = Math.ceil(Math.min(left.minutes, left.tokens, left.rounds));
  const up = working.reduce((sum, { link }) => {
    return sum + codedBytes(rules.codecUp ?? codecForLink(link, parameters), parameters);
  }, 0);
  const down = working.length * codedBytes(rules.codecDown, parameters);
  const whole = codedBytes("fp32", parameters);
  const bound = stop.minutes === undefined ? Infinity : 60_000 * stop.minutes;
  return {
    ...round,
    ...{ startMs, rounds },
    durationMs: Math.min(bound, startMs + rounds * round.roundMs),
    tokens: warmUp.tokens + rounds * perRound,
    bytesUp: rounds * up + (warmUp.tokens > 0 ? whole : 0),
    bytesDown: Math.max(0, rounds - 1) * down + working.length * whole,
    computing: computingShare(round),
  };
}

/** The fastest site fetches the model, trains alone and sends it back whole. */
function warmUpOf(
  sites: readonly ForecastSite[],
  { parameters, context, referenceBatch, warmUpSteps, stop }: RunRules,
): { readonly ms: number; readonly tokens: number } {
  if (warmUpSteps === 0) return { ms: 0, tokens: 0 };
  const whole = codedBytes("fp32", parameters);
  const oneMs = ({ speed }: ForecastSite): number => stepMs(speed, referenceBatch);
  const fastest = sites.reduce((best, site) => (oneMs(site) < oneMs(best) ? site : best));
  const exchangeMs = linkMs(fastest.link, whole, whole);
  const mostMs = WARM_UP_SHARE_MAX * 60_000 * (stop.minutes ?? Infinity);
  const steps = Math.min(warmUpSteps, Math.floor(Math.max(0, mostMs) / oneMs(fastest)));
  return { ms: steps * oneMs(fastest) + exchangeMs, tokens: steps * referenceBatch * context };
}

/**
 * By how much the first rounds are longer, since every site fetches the model whole: once as it
 * is, and then as far as the fastest site's mean exchange, by which the others are sized, still
 * knows of it (a falling series).
 */
function fetchMs(sites: readonly ForecastSite[], rules: RunRules): number {
  const { parameters, codecDown, referenceBatch } = rules;
  const [whole, step] = [codedBytes("fp32", parameters), codedBytes(codecDown, parameters)];
  const moreMs = ({ link }: ForecastSite): number => linkMs(link, 0, whole) - linkMs(link, 0, step);
  const first = Math.max(0, ...sites.map(moreMs));
  const oneMs = ({ speed }: ForecastSite): number => stepMs(speed, referenceBatch);
  const fastest = sites.toSorted((a, b) => oneMs(a) - oneMs(b))[0];
  if (fastest === undefined || sites.length === 1) return first;
  return first + Math.max(0, moreMs(fastest)) * (1 / OBSERVATION_WEIGHT - 1);
}

function computingShare({ parts, roundMs }: RoundForecast): number {
  const working = parts.filter(({ tokens }) => tokens > 0);
  const sum = working.reduce((all, part) => all + part.expectedMs - part.transferMs, 0);
  return working.length === 0 ? 0 : sum / (working.length * roundMs);
}
