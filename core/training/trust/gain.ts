/**
 * The gain test: how much a site's contributions help, against what the others' of the same round
 * do, over many rounds. The gate (`gate.ts`) refuses a contribution that does harm; this finds the
 * site whose contributions do nothing: noise, old work, labels that mean nothing, a slow poison.
 * What follows from it (quarantine, return) is the round machine's.
 */
import { gateSteps } from "../gate.ts";

/** A contribution as the gate has tried it. Losses in nats; null when there is none. */
export interface Tried {
  readonly siteId: string;
  /** Its weight before any verdict; 0 in quarantine. */
  readonly weight: number;
  readonly lossBefore: number | null;
  readonly lossAfter: number | null;
}

/** One round tells little: this share of what is known of a site is from its last one. */
const NEWEST_SHARE = 0.2;

/** A single round counts no more than this many times the middle one, up or down. */
const SHARE_MAX = 1.5;

/** Fewer contributions have no middle that one bad site could not be. */
const SITES_MIN = 3;

/**
 * For each site the gain of its contribution as a share of the middle one of the round, -1.5 to
 * 1.5: the larger of two shares, that of the gains as they are and that of the gains for each unit
 * of the step with which they were tried. A light site's step is short, so its gain is small; a
 * heavy site's step is long, so it gains less for each unit (the loss curves). Whoever works has
 * one of the two; who does nothing has neither. Empty when nothing can be said: fewer than three
 * contributions, or a round in which the middle one does not help.
 */
export function gainShares(tried: readonly Tried[]): ReadonlyMap<string, number> {
  if (tried.length < SITES_MIN) return new Map();
  const steps = gateSteps(tried.map(({ weight }) => weight));
  const gains = tried.map(({ lossBefore, lossAfter }) =>
    lossBefore === null || lossAfter === null ? Number.NEGATIVE_INFINITY : lossBefore - lossAfter,
  );
  const whole = sharesOfMiddle(gains);
  const forEachStep = sharesOfMiddle(gains.map((gain, i) => gain / steps[i]!));
  if (whole === undefined || forEachStep === undefined) return new Map();
  return new Map(tried.map(({ siteId }, i) => [siteId, Math.max(whole[i]!, forEachStep[i]!)]));
}

/** Each as a share of the middle one, bounded; undefined when the middle one is no gain. */
function sharesOfMiddle(gains: readonly number[]): readonly number[] | undefined {
  const sorted = gains.toSorted((a, b) => a - b);
  // The upper middle: with two bad of four the middle is still an honest one.
  const middle = sorted[Math.floor(sorted.length / 2)]!;
  if (!(middle > 0)) return undefined;
  return gains.map((gain) => Math.max(-SHARE_MAX, Math.min(SHARE_MAX, gain / middle)));
}

/** Taken of a site before its first round: it is honest. First rounds are the noisiest. */
const AT_FIRST = 1;

/** What is known of a site after one more round; `known` is undefined before its first. */
export const nextGain = (known: number | undefined, share: number): number => {
  const before = known ?? AT_FIRST;
  return before + NEWEST_SHARE * (share - before);
};

/** Contributions after which the test may speak: a site that never helps is at 0.17 then. */
export const GAIN_ROUNDS = 8;

/**
 * A site that helps less than this share of the middle does not work on the task. Honest sites of
 * an eighth of the speed with text of another century stayed above 0.4 (decision 0020; one seed).
 */
const GAIN_MIN = 0.2;

/** Whether a site with this gain over so many contributions is still trusted. */
export const helpsEnough = (gain: number, contributions: number): boolean =>
  contributions < GAIN_ROUNDS || gain >= GAIN_MIN;
