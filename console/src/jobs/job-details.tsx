// What was asked for, as the pool understood it.
import type { JobDetail } from "@tequio/contract";
import { TEXTS } from "../texts.ts";
import { toJobFile } from "./job-form.ts";

/** The request of a job, folded away until somebody wants it. */
export function JobDetails(props: { readonly job: JobDetail }) {
  const { job } = props;
  const request = {
    command: job.command,
    ...(Object.keys(job.env).length === 0 ? {} : { env: job.env }),
    resources: job.resources,
    constraints: job.constraints,
    after: job.dependencies,
    priority: job.priority,
    preemptible: job.preemptible,
    requeue: job.requeue,
    ...(job.prefer === undefined ? {} : { prefer: job.prefer }),
  };
  return (
    <details className="panel">
      <summary>{TEXTS.job.request}</summary>
      <pre>{toJobFile(request)}</pre>
    </details>
  );
}
