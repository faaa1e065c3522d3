// The sentences that go with a decision: which rule put a job first, and why it goes where it
// goes. They are shown to people and kept with the lease for ever.
import { formatCores, plural } from "./feasible/checker.ts";
import type { Fit } from "./gang/fit.ts";
import type { RunningView, WaitingView } from "./types.ts";

export interface StartStory {
  readonly job: WaitingView;
  readonly fit: Fit;
  /** 1 for the job that had its turn first. */
  readonly place: number;
  /** The job with a reservation that this one overtakes without delaying it. */
  readonly overtakes: string | undefined;
  readonly usedPercent: number | undefined;
  /** What waiting has added to its priority. */
  readonly points: number;
}

/** E.g. `first in order (project lab used 12 % of its share); best fit: leaves ...`. */
export function startReason(story: StartStory): string {
  const { job, fit, place, overtakes, usedPercent, points } = story;
  const { priority, project } = job.spec;
  const used = usedPercent === undefined ? "nothing yet" : `${Math.round(usedPercent)} %`;
  const waited = points === 0 ? "" : ` and ${plural(points, "point")} for waiting`;
  const rule = `priority ${priority}${waited}, project ${project} used ${used} of its share`;
  const order = place === 1 ? "first in order" : `number ${place} in order`;
  const past = overtakes === undefined ? "" : `; backfilled without delay for job ${overtakes}`;
  return `${order} (${rule})${past}; ${siteSentence(fit)}`;
}

/** E.g. `lease L-7 (priority 10) stops for job 12 (priority 500); it loses 3 device-minutes`. */
export function preemptionReason(
  job: WaitingView,
  lease: RunningView,
  lostMs: number,
  recall = false,
): string {
  const minutes = Math.round(lostMs / 60_000);
  if (recall) {
    return (
      `the owner's own job ${job.jobId} (project ${job.spec.project}) takes the machine back; ` +
      `loses least work: ${plural(minutes, "device-minute")}`
    );
  }
  if (lease.priority >= job.spec.priority) {
    return (
      `borrowed work makes way for job ${job.jobId} (project ${job.spec.project}), whose owner's ` +
      `machines others use; loses least work: ${plural(minutes, "device-minute")}`
    );
  }
  return (
    `stops for job ${job.jobId} (priority ${job.spec.priority} over ${lease.priority}); ` +
    `loses least work: ${plural(minutes, "device-minute")}`
  );
}

/** E.g. `best fit: leaves 2 of 8 accelerators free on node n1; of 3 other sites with room ...`. */
function siteSentence(fit: Fit): string {
  const best = `best fit: ${leavesFree(fit)}`;
  if (fit.over === undefined) return best;
  const { sites, next } = fit.over;
  const others = sites === 1 ? "1 other site has room" : `${sites} other sites have room`;
  const member = next.places[0]?.node.view.member;
  return `${best}; ${others}, the next best of ${member} ${leavesFree(next)}`;
}

function leavesFree(fit: Fit): string {
  const nodes = [...new Set(fit.places.map(({ node }) => node))];
  const total = nodes.reduce((sum, { view }) => sum + view.node.accelerators.length, 0);
  const usesDevices = fit.places.some(({ devices }) => devices.length > 0);
  const where =
    nodes.length === 1
      ? `node ${nodes[0]!.view.node.name}`
      : `${nodes.length} nodes of site ${fit.site.siteId}`;
  const left = usesDevices
    ? `${fit.rank.acceleratorsLeft} of ${plural(total, "accelerator")}`
    : formatCores(fit.rank.milliCpuLeft);
  return `leaves ${left} free on ${where}`;
}
