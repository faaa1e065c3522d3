// Which sites a spanning run gets of those that have room: the set that is at the target soonest.
// A slow site is left out where it would slow the others' rounds more than it adds. How fast a set
// is comes in as a function; what is said of it is in sentences.ts.
import { assert } from "../../pool/index.ts";
import { byText } from "../reasons.ts";

/**
 * Part by which a further site must quicken a run: every site is one more that may fail or fall
 * behind, and its machines are then missing elsewhere.
 */
export const GAIN_MIN = 0.01;

/**
 * All subsets are compared of so many sites: 4,096 forecasts, a tenth of a second. That is done
 * once for a run, when it begins; whether it grows is looked at in every pass.
 */
const EXACT_SITES_MAX = 12;

/** Forecasts of one choice by steps and swaps; what was found until then is taken. */
const FORECASTS_MAX = 4_096;

/** What is to be chosen. */
export interface SpanQuestion<Site> {
  /** Sites that the run has; they stay. */
  readonly held: readonly Site[];
  readonly candidates: readonly Site[];
  /** Most sites in all. */
  readonly most: number;
  /** Way to the target done in a second by a set of at least one site; only ratios count. */
  readonly paceOf: (sites: readonly Site[]) => number;
  readonly idOf: (site: Site) => string;
}

/**
 * The candidates to take, by id. Of a run that has no site yet at least one is taken, if there is
 * one and `most` allows it. The order of the candidates does not matter.
 */
export function chooseSites<Site>(question: SpanQuestion<Site>): readonly Site[] {
  const { held, most, idOf } = question;
  const free = most - held.length;
  const candidates = question.candidates.toSorted((a, b) => byText(idOf(a), idOf(b)));
  if (free <= 0 || candidates.length === 0) return [];
  const sorted = { ...question, candidates };
  return held.length === 0 && candidates.length <= EXACT_SITES_MAX
    ? chooseExactly(sorted, free)
    : chooseBySteps(sorted, free);
}

/** Worth of a set: larger is better; a site more must gain GAIN_MIN. */
const worthOf = <Site>({ held, paceOf }: SpanQuestion<Site>, added: readonly Site[]): number => {
  if (held.length + added.length === 0) return -Infinity;
  const pace = paceOf([...held, ...added]);
  assert(pace >= 0 && Number.isFinite(pace), "a pace is a number that is not negative");
  // Of sets that get nowhere the smallest is best.
  return (pace === 0 ? -1e9 : Math.log(pace)) - added.length * Math.log1p(GAIN_MIN);
};

/** The best of all subsets. */
export function chooseExactly<Site>(question: SpanQuestion<Site>, free: number): readonly Site[] {
  const { candidates } = question;
  let best: readonly Site[] = [];
  let bestWorth = worthOf(question, best);
  for (let mask = 1; mask < 2 ** candidates.length; mask += 1) {
    const added = candidates.filter((_, i) => ((mask >> i) & 1) === 1);
    if (added.length > free) continue;
    const worth = worthOf(question, added);
    if (worth > bestWorth) [best, bestWorth] = [added, worth];
  }
  return best;
}

interface Found<Site> {
  readonly added: readonly Site[];
  readonly worth: number;
}

/** Adds the best site while one helps, then puts one in another's place while that helps. */
export function chooseBySteps<Site>(question: SpanQuestion<Site>, free: number): readonly Site[] {
  const { candidates, idOf } = question;
  let forecasts = 0;
  let found: Found<Site> = { added: [], worth: worthOf(question, []) };
  for (;;) {
    let next = found;
    for (const change of changes(found.added, candidates, free)) {
      if (forecasts >= FORECASTS_MAX) break;
      forecasts += 1;
      const worth = worthOf(question, change);
      if (worth > next.worth) next = { added: change, worth };
    }
    if (next === found) break;
    found = next;
  }
  return found.added.toSorted((a, b) => byText(idOf(a), idOf(b)));
}

/** One more, one less, or one instead of another. */
function* changes<Site>(
  added: readonly Site[],
  candidates: readonly Site[],
  free: number,
): Generator<readonly Site[], void> {
  const others = candidates.filter((site) => !added.includes(site));
  if (added.length < free) for (const site of others) yield [...added, site];
  for (const out of added) {
    const rest = added.filter((site) => site !== out);
    yield rest;
    for (const site of others) yield [...rest, site];
  }
}
