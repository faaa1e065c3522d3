// What owners say of their sites, asked for one pass: which sites a job may not go to now and why,
// when a site's time is over, and where a project comes first because the machines are its own.
// Nodes that are not lent at all never come here: the controller marks them as taking no work.
import { isOwnProject, type JobSpec, LIMITS, type Offer, refuseTenant } from "../pool/index.ts";
import type { Objection } from "./reasons.ts";
import type { LendingView, ProjectView } from "./types.ts";

type Bars = ReadonlyMap<string, Objection>;

const NO_BARS: Bars = new Map();
const NO_SITES: ReadonlySet<string> = new Set();

/** True for a job that goes on after it was stopped: it may run into the end of a site's time. */
export const acceptsRecall = (spec: JobSpec): boolean => spec.preemptible || spec.run !== undefined;

/** How long a site must still be lent for a job to start there, from the moment of the grant. */
function stayMs(spec: JobSpec, { recallGraceMs }: Offer): number {
  const wholeMs = spec.walltimeMs + LIMITS.OFFER_START_MS;
  // The polite signal goes out a grace before the end: what counts is the time before that.
  const someMs = LIMITS.OFFER_STAY_MIN_MS + recallGraceMs;
  return acceptsRecall(spec) ? Math.min(wholeMs, someMs) : wholeMs;
}

export class Lenders {
  /** True if some site asks whose project a job is. */
  readonly byProject: boolean;
  /** True if some owner's own jobs come first. */
  readonly someOwn: boolean;
  readonly #nowMs: number;
  readonly #views: ReadonlyMap<string, LendingView>;
  readonly #parents: ReadonlyMap<string, string | null>;
  readonly #bars = new Map<string, Bars>();
  readonly #own = new Map<string, ReadonlySet<string>>();

  constructor(
    nowMs: number,
    views: readonly LendingView[] = [],
    projects: readonly ProjectView[] = [],
  ) {
    this.#nowMs = nowMs;
    this.#views = new Map(views.map((view) => [view.siteId, view]));
    this.#parents = new Map(projects.map(({ name, parent }) => [name, parent]));
    this.someOwn = views.some(({ offer }) => offer.ownFirst && offer.ownProjects.length > 0);
    this.byProject = views.some(
      ({ offer: { tenants } }) => tenants.allow.length + tenants.refuse.length > 0,
    );
  }

  /** Sites where the job may not start now, each with its reason. */
  bars(spec: JobSpec): Bars {
    if (this.#views.size === 0) return NO_BARS;
    const asked = `${spec.walltimeMs} ${acceptsRecall(spec) ? "recall" : ""}`;
    const key = this.byProject ? `${asked} ${spec.project}` : asked;
    const known = this.#bars.get(key);
    if (known !== undefined) return known;
    const bars = new Map<string, Objection>();
    for (const view of this.#views.values()) {
      const objection = this.#bar(view, spec);
      if (objection !== undefined) bars.set(view.siteId, objection);
    }
    this.#bars.set(key, bars);
    return bars;
  }

  #bar(view: LendingView, spec: JobSpec): Objection | undefined {
    const { member, offer, until } = view;
    const refused = this.byProject ? refuseTenant(offer, this.#line(spec.project)) : undefined;
    if (refused !== undefined) return { code: "OFFER_TENANT", text: `${member} ${refused}` };
    const mostMs = offer.caps.walltimeMs ?? Infinity;
    if (spec.walltimeMs > mostMs) {
      const text = `${member} takes jobs of at most ${minutes(mostMs)}`;
      return { code: "OFFER_LIMIT", text };
    }
    if (until === undefined || this.#nowMs + stayMs(spec, offer) <= until.atMs) return undefined;
    return { code: until.code, text: `${until.text}; ${this.#wayOut(spec, until)}` };
  }

  #wayOut(spec: JobSpec, until: NonNullable<LendingView["until"]>): string {
    if (acceptsRecall(spec)) return "that is too soon to begin";
    const leftMs = until.atMs - this.#nowMs - LIMITS.OFFER_START_MS;
    const never = spec.walltimeMs + LIMITS.OFFER_START_MS > (until.longestMs ?? Infinity);
    const longer = never ? "no such time is ever long enough for" : "that is too soon for";
    const shorter = leftMs < 60_000 ? "" : `a limit of ${minutes(leftMs)} would fit now, or `;
    return `${longer} the limit of ${minutes(spec.walltimeMs)}: ${shorter}make it preemptible`;
  }

  /** The last moment at which the job may start on a site, as far as the site's time goes. */
  lastStartMs(siteId: string, spec: JobSpec): number {
    const view = this.#views.get(siteId);
    return view?.until === undefined ? Infinity : view.until.atMs - stayMs(spec, view.offer);
  }

  /** Time that leases of a site get when its owner takes them back. */
  recallGraceMs(siteId: string): number {
    return this.#views.get(siteId)?.offer.recallGraceMs ?? LIMITS.STOP_GRACE_MS;
  }

  /** Sites where the project is the owner's own and comes first. */
  ownSites(project: string): ReadonlySet<string> {
    if (!this.someOwn) return NO_SITES;
    const known = this.#own.get(project);
    if (known !== undefined) return known;
    const sites = new Set<string>();
    for (const { siteId, offer } of this.#views.values()) {
      if (offer.ownFirst && isOwnProject(offer, this.#line(project))) sites.add(siteId);
    }
    this.#own.set(project, sites);
    return sites;
  }

  /** The project and those above it. */
  #line(project: string): readonly string[] {
    const line: string[] = [];
    for (let at: string | null = project; at !== null; at = this.#parents.get(at) ?? null) {
      line.push(at);
    }
    return line;
  }
}

/** `45 minutes`, `12.5 hours`. */
function minutes(ms: number): string {
  const whole = Math.floor(ms / 60_000);
  if (whole === 1) return "1 minute";
  return whole < 120 ? `${whole} minutes` : `${Math.floor(whole / 6) / 10} hours`;
}
