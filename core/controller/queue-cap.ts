// Whether a project, or its user, may have so many jobs more in the queue: asked at submission. The
// caps on what runs are the scheduler's, since they hold at every start.
import { type JobSpec, type Refusal, refuse } from "../pool/index.ts";
import { projectLine } from "./lending.ts";
import { queueOf } from "./queue-index.ts";
import type { State } from "./state.ts";

/** The refusal of a job, or of an array with so many tasks; undefined: there is room. */
export function queueCap(state: State, spec: JobSpec, tasks: number): Refusal | undefined {
  for (const name of projectLine(state, spec.project)) {
    const caps = state.projects.get(name)?.caps;
    const all = caps?.maxQueuedJobs;
    const own = caps?.perUser?.maxQueuedJobs;
    if (all !== undefined) {
      const refused = over(`Project ${name}`, waitingUnder(state, name), tasks, all);
      if (refused !== undefined) return refused;
    }
    if (own === undefined) continue;
    const waiting = waitingUnder(state, name, spec.user);
    const refused = over(`The user, in project ${name},`, waiting, tasks, own);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

/** Jobs that wait in a project and all that is below it. */
function waitingUnder(state: State, project: string, user?: string): number {
  const index = queueOf(state);
  let count = 0;
  for (const name of state.projects.keys()) {
    if (name !== project && !projectLine(state, name).includes(project)) continue;
    count += index.waiting(name, user);
  }
  return count;
}

function over(whose: string, waiting: number, more: number, most: number): Refusal | undefined {
  if (waiting + more <= most) return undefined;
  return refuse(
    "QUEUE_CAP",
    `${whose} has ${waiting} jobs waiting and may have ${most}; this would add ${more}.`,
    "Submit it when some have started, or ask for a higher cap: `tequio project set`.",
    "project",
  );
}
