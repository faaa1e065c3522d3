// Who waits for the room into which a gang would grow. A gang grows only into what nobody who goes
// before it could use, now or as soon as more is free.
import type { JobSpec } from "../../pool/index.ts";
import type { Demand } from "../demand.ts";
import { leastJob } from "../gang/elastic.ts";
import type { Lenders } from "../lending.ts";
import type { CapCounts } from "../order/caps.ts";
import { type OrderRules, pointsOf } from "../order/rules.ts";
import type { SchedulerInput, Start, WaitingView } from "../types.ts";
import type { NodeState, SiteState } from "../world.ts";
import { RESIZE } from "./bounds.ts";

/** What is asked of a pass. */
export interface RivalPass {
  readonly lenders: Lenders;
  readonly caps: CapCounts;
  readonly rules: OrderRules;
  readonly demandOf: (job: WaitingView) => Demand;
  readonly starts: readonly Start[];
}

/**
 * True if a job that waits could use some of the nodes and goes before the gang: it has as much
 * priority, or has waited for as much. Among equals fair share decides from moment to moment; here
 * the gang stands back.
 */
export function someBefore(
  pass: RivalPass,
  { waiting, lines = [] }: SchedulerInput,
  gang: { readonly jobId: string; readonly spec: JobSpec },
  site: SiteState,
  nodes: ReadonlySet<NodeState>,
): boolean {
  const started = new Set(pass.starts.map(({ jobId }) => jobId));
  const { priority } = gang.spec;
  const isBefore = (job: WaitingView): boolean => {
    const { jobId, spec } = job;
    if (jobId === gang.jobId || started.has(jobId)) return false;
    if (spec.priority + pointsOf(job, pass.rules) < priority) return false;
    if (job.spanning?.excludeSites.includes(site.siteId)) return false;
    if (pass.lenders.bars(spec).has(site.siteId)) return false;
    if (pass.caps.refuse(leastJob(job)) !== undefined) return false;
    return pass
      .demandOf(leastJob(job))
      .candidates.some((one) => one.site === site && one.nodes.some((node) => nodes.has(node)));
  };
  if (waiting.some((job) => job.eligible && isBefore(job))) return true;
  if (lines.length > RESIZE.LINES_MAX) return true;
  return lines.some(({ jobs }) => {
    const line = jobs();
    for (let looked = 0; looked < RESIZE.LINE_STARTS_MAX; looked += 1) {
      const { value: job } = line.next();
      if (job === undefined) return false;
      // Jobs of one line ask for the same: the first that does not start speaks for all.
      if (job.jobId !== gang.jobId && !started.has(job.jobId)) return isBefore(job);
    }
    return true;
  });
}
