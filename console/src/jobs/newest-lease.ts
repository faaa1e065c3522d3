// Which lease of a job counts when only one is shown: the one that was granted last.
import type { JobDetail, LeaseView } from "@tequio/contract";

/** The newest lease; of those granted at one time the last in the list. */
export function newestLease(job: Pick<JobDetail, "leases">): LeaseView | undefined {
  return job.leases.reduce<LeaseView | undefined>(
    (last, one) => (last === undefined || one.grantedAtMs >= last.grantedAtMs ? one : last),
    undefined,
  );
}
