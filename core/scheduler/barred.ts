// Sites where a job may not go now: what owners say of it, where a run is already, and which sites
// a run leaves out. The plan asks it for every job, and so does whoever explains one.
import type { Blocked } from "./backfill/backfill.ts";
import type { Demand } from "./demand.ts";
import type { Lenders } from "./lending.ts";
import type { Objection } from "./reasons.ts";
import type { WaitingView } from "./types.ts";

/** What a pass knows of that. */
interface Bars {
  readonly lenders: Lenders;
  /** Sites with room that a run does not take, and why. */
  readonly leftOut?: ReadonlyMap<string, ReadonlyMap<string, Objection>>;
}

/** Sites where the job may not go now, and why. */
export function excludedSites(
  { lenders, leftOut }: Bars,
  { jobId, spec, spanning }: WaitingView,
): ReadonlyMap<string, Objection> {
  const bars = lenders.bars(spec);
  const others = leftOut?.get(jobId);
  if (spanning === undefined || spanning.excludeSites.length + (others?.size ?? 0) === 0) {
    return bars;
  }
  const all = new Map([...bars, ...(others ?? [])]);
  for (const siteId of spanning.excludeSites) {
    all.set(siteId, { code: "ALREADY_THERE", text: `the run is on site ${siteId} already` });
  }
  return all;
}

/** What is asked about the start of a job that does not start now. */
export function blockedJob(pass: Bars, job: WaitingView, demand: Demand): Blocked {
  const { jobId, spec } = job;
  const lastStartMs = (siteId: string): number => pass.lenders.lastStartMs(siteId, spec);
  return { jobId, spec, demand, excluded: excludedSites(pass, job), lastStartMs };
}
