// The part of a pass that gives sites to a spanning run: what has room is compared, the best set is
// taken, and every choice is told in a sentence.
import type { Fit } from "../gang/fit.ts";
import type { Objection } from "../reasons.ts";
import type { Device } from "../throughput/index.ts";
import type { Start, WaitingView } from "../types.ts";
import { chooseSites } from "./choose.ts";
import { leftOutSentence, takenSentence } from "./sentences.ts";

/** Sites with room that are looked at for one run; of more the best fits count. */
const SITES_LOOKED_AT_MAX = 64;

/** A site with what a run has, or would get, there. */
export interface SpanSite {
  readonly siteId: string;
  /** The first of the devices; absent: none, or not known. */
  readonly device?: Device;
  readonly devices: number;
}

/** One site's part of a typical round. */
export interface SpanPart {
  readonly siteId: string;
  readonly tokensPerSecond: number;
  /** Time of its exchange, ms. */
  readonly transferMs: number;
  readonly upMbitPerS: number;
  /** Set where it cannot help at all: why. */
  readonly useless?: string;
}

/** A typical round of a set of sites. */
export interface SpanForecast {
  readonly roundMs: number;
  /** Way to the target done in a second; only ratios mean anything. */
  readonly pace: number;
  readonly parts: readonly SpanPart[];
}

/** What is known of a run beside its job: where it is, and how fast it would be elsewhere. */
export interface SpanOutlook {
  readonly held: readonly SpanSite[];
  /** Of at least one site. */
  readonly forecast: (sites: readonly SpanSite[]) => SpanForecast;
}

/** A place for a job, and for a run also why it goes there. */
export interface SpanFit {
  readonly fit: Fit;
  readonly sentence?: string;
}

/** What a run is given. */
export interface SpanChoice {
  readonly taken: readonly SpanFit[];
  /** Sites that have room and are not taken, and why. */
  readonly leftOut: ReadonlyMap<string, Objection>;
}

const siteOf = (fit: Fit): SpanSite => {
  const first = fit.places[0];
  const device = first?.node.view.node.accelerators[first.devices[0] ?? -1];
  const devices = fit.places.reduce((sum, place) => sum + place.devices.length, 0);
  const { siteId } = fit.site;
  return device === undefined ? { siteId, devices } : { siteId, device, devices };
};

/** What of a pass the choice reads and writes. */
export interface SpanPass {
  readonly starts: readonly Start[];
  readonly leftOut: Map<string, ReadonlyMap<string, Objection>>;
}

/**
 * Where a job goes, place by place: the best there is outside `used`, which the caller adds to; a
 * run's sites are chosen together, and what is left out is noted. At most `most` places.
 */
export function* fitsInOrder(
  { starts, leftOut }: SpanPass,
  { jobId, spanning }: WaitingView,
  { used, most }: { readonly used: ReadonlySet<string>; readonly most: number },
  bestFit: (excluded: ReadonlySet<string>) => Fit | undefined,
): Generator<SpanFit, undefined> {
  const outlook = spanning?.outlook;
  if (outlook === undefined) {
    for (let fit = bestFit(used); fit !== undefined; fit = bestFit(used)) yield { fit };
    return undefined;
  }
  const fits: Fit[] = [];
  const seen = new Set(used);
  for (let fit = bestFit(seen); fit !== undefined; fit = bestFit(seen)) {
    fits.push(fit);
    seen.add(fit.site.siteId);
    if (fits.length >= SITES_LOOKED_AT_MAX) break;
  }
  // A site that it was given earlier in this pass, as one of its owner's.
  const mine = starts
    .filter((start) => start.jobId === jobId)
    .map(({ siteId, placements }) => ({
      siteId,
      devices: placements.reduce((sum, placement) => sum + placement.acceleratorIds.length, 0),
    }));
  const choice = chooseFits({ ...outlook, held: [...outlook.held, ...mine] }, fits, most);
  leftOut.set(jobId, choice.leftOut);
  yield* choice.taken;
  return undefined;
}

/** Chooses among fits on different sites; at most `most` sites are taken. */
export function chooseFits(
  { held, forecast }: SpanOutlook,
  fits: readonly Fit[],
  most: number,
): SpanChoice {
  const fitOf = new Map(fits.map((fit) => [siteOf(fit), fit]));
  const candidates = [...fitOf.keys()];
  const chosen = chooseSites<SpanSite>({
    ...{ held, candidates, most: held.length + most },
    paceOf: (sites) => forecast(sites).pace,
    idOf: ({ siteId }) => siteId,
  });
  const all = [...held, ...chosen];
  const taken = chosen.map((site) => {
    const others = all.filter((other) => other !== site);
    const without = others.length === 0 ? undefined : forecast(others);
    return { fit: fitOf.get(site)!, sentence: takenSentence(site, forecast(all), without) };
  });
  const leftOut = new Map<string, Objection>();
  for (const site of candidates) {
    if (all.length === 0 || chosen.includes(site)) continue;
    const full = chosen.length >= most;
    const text = leftOutSentence(site, forecast(all), forecast([...all, site]), full);
    leftOut.set(site.siteId, { code: "SITE_LEFT_OUT", text });
  }
  return { taken, leftOut };
}

/** Why each site that a run has takes part, by what is known now. */
export const heldSentences = ({ held, forecast }: SpanOutlook) =>
  held.map((site) => {
    const others = held.filter((other) => other !== site);
    const without = others.length === 0 ? undefined : forecast(others);
    return { siteId: site.siteId, text: takenSentence(site, forecast(held), without) };
  });
