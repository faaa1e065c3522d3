// Fits that were found for a request and still hold: a site on which nothing was promised since
// gives the same answer again. Of a large pool each start changes one site, so the others are not
// gone through anew.
import type { Demand, SiteCandidates } from "../demand.ts";
import type { SiteState } from "../world.ts";
import { alikeNow } from "./alike.ts";
import type { Fit } from "./fit.ts";

interface Known {
  /** Holdings that the site had: every promise adds one. */
  readonly holdings: number;
  readonly fit: Fit | undefined;
}

/** What was found in one pass. */
export class SiteFits {
  readonly #known = new WeakMap<Demand, Map<SiteState, Known>>();

  /** The fit of a demand on a site, by `find` if it is not known. */
  of(
    demand: Demand,
    candidates: SiteCandidates,
    findOf: (candidates: SiteCandidates) => Fit | undefined,
  ): Fit | undefined {
    const { site } = candidates;
    const find = (): Fit | undefined => findOf(alikeNow(site).few(demand, candidates));
    // Beside a reservation it matters how long a job stays, which the demand does not say.
    if (site.reservations.length > 0 || site.closedFor !== undefined) return find();
    const ofDemand = this.#known.get(demand) ?? new Map<SiteState, Known>();
    this.#known.set(demand, ofDemand);
    const known = ofDemand.get(site);
    const holdings = site.holdings.length;
    if (known?.holdings === holdings) return known.fit;
    const fit = find();
    ofDemand.set(site, { holdings, fit });
    return fit;
  }
}
