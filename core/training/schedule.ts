/**
 * What a run chooses by rule: learning rate by global progress, codec by link, inner steps by
 * transfer time, and the outcome of its stop conditions. Pure formulas; the state they look at
 * belongs to the round machine.
 */
import type { Link } from "../pool/index.ts";
import type { Codec } from "./codec/format.ts";
import { upMbitPerS } from "./speed.ts";

/** Learning-rate settings of a run. */
export interface RateSettings {
  /** Highest rate of the rounds. */
  readonly peak: number;
  /** Rate of the warm-up on one site. */
  readonly warmUp: number;
  /** Steps of the linear ramp at the start of warm-up. */
  readonly rampSteps: number;
}

/** The cosine ends at a tenth of the peak (training reference, 3.2). */
const FLOOR_SHARE = 0.1;

/** Steps of the ramp for a joiner without moments (training reference, 3.2). */
export const JOINER_RAMP_STEPS = 20;

/**
 * Rate at a global progress of 0 to 1: peak x (0.1 + 0.45 (1 + cos(pi progress))). Global, so a
 * late joiner uses the rate of the moment.
 */
export function learningRate(peak: number, progress: number): number {
  const x = Math.min(1, Math.max(0, progress));
  return peak * (FLOOR_SHARE + ((1 - FLOOR_SHARE) / 2) * (1 + Math.cos(Math.PI * x)));
}

/** Rate of step `step` (from 0) of a stretch: along a line, below a ramp if there is one. */
export function stepRate(
  rate: { readonly start: number; readonly end: number },
  step: number,
  innerSteps: number,
  rampSteps = 0,
): number {
  const along = rate.start + ((rate.end - rate.start) * step) / innerSteps;
  return step < rampSteps ? (along * (step + 1)) / rampSteps : along;
}

/** The ends of a run; it stops at the first one reached. */
export interface StopRule {
  readonly minutes?: number;
  readonly rounds?: number;
  readonly tokens?: number;
}

/** How far a run is, counted from the end of its warm-up. */
export interface Progress {
  readonly trainedMs: number;
  readonly rounds: number;
  readonly tokens: number;
}

/** Progress of 0 to 1 towards the nearest of the ends; 0 for a run without any. */
export function progressShare(stop: StopRule, at: Progress): number {
  const shares = [
    stop.minutes === undefined ? 0 : at.trainedMs / (60_000 * stop.minutes),
    stop.rounds === undefined ? 0 : at.rounds / stop.rounds,
    stop.tokens === undefined ? 0 : at.tokens / stop.tokens,
  ];
  return Math.min(1, Math.max(0, ...shares));
}

/** Below so many parameters top-k was poor; at 72 B it works (training reference, 3.5). */
const TOP_K_PARAMETERS = 100_000_000;

/** The way up by link speed and size of the model (training reference, 3.5; designed). */
export function codecForLink(
  link: Pick<Link, "upMbitPerS" | "upCapMbitPerS">,
  parameters: number,
): Codec {
  const up = upMbitPerS(link);
  if (up > 100) return "int8";
  if (up >= 10) return "int4";
  return parameters > TOP_K_PARAMETERS ? "topk64" : "ternary";
}

/** More inner steps than this were not tried by anybody (DiLoCo and OpenDiLoCo: 500). */
export const INNER_STEPS_MAX = 500;

/** Least inner steps by parameters (training reference, 3.3). */
function innerStepsMin(parameters: number): number {
  if (parameters < 10_000_000) return 15;
  return parameters <= 1_000_000_000 ? 30 : 100;
}

/** The smallest H with which an exchange takes at most 10 % of the round: 9 tau / t_step. */
export function chooseInnerSteps(
  parameters: number,
  transferMs: number,
  oneStepMs: number,
): number {
  const wanted = Math.ceil((9 * transferMs) / oneStepMs);
  return Math.min(INNER_STEPS_MAX, Math.max(innerStepsMin(parameters), wanted));
}
