// What projects and their users may have at one time, asked in one pass: whether a job may start
// beside all that runs and was started before it. A cap of a project holds for all that is below
// it together. Jobs that wait are counted at submission, by the controller.
import {
  acceleratorsOf,
  type Caps,
  deviceCount,
  type JobSpec,
  type ProjectCaps,
} from "../../pool/index.ts";
import type { ProjectView, Reason, RunningView, WaitingView } from "../types.ts";

interface Held {
  accelerators: number;
  readonly jobs: Set<string>;
}

interface Capped {
  readonly name: string;
  readonly caps: ProjectCaps;
  readonly all: Held;
  readonly byUser: Map<string, Held>;
}

/** Accelerators of all tasks of a job, or of one site's part of a run. */
const asked = ({ groups }: JobSpec): number =>
  groups.reduce((sum, { count, resources }) => sum + count * acceleratorsOf(resources), 0);

const nothing = (): Held => ({ accelerators: 0, jobs: new Set() });

export class CapCounts {
  readonly #capped = new Map<string, Capped>();
  readonly #parents = new Map<string, string | null>();
  readonly #lines = new Map<string, readonly Capped[]>();

  /** Leases whose job is not told count for their project and for no user. */
  constructor(projects: readonly ProjectView[], running: readonly RunningView[]) {
    for (const { name, parent, caps } of projects) {
      this.#parents.set(name, parent);
      if (caps === undefined) continue;
      this.#capped.set(name, { name, caps, all: nothing(), byUser: new Map() });
    }
    if (this.#capped.size === 0) return;
    for (const { jobId, project, spec, placements } of running) {
      this.#add(project, spec?.user, jobId, deviceCount(placements));
    }
  }

  /** A lease is promised to the job. */
  take({ jobId, spec }: WaitingView, placements: RunningView["placements"]): void {
    if (this.#capped.size === 0) return;
    this.#add(spec.project, spec.user, jobId, deviceCount(placements));
  }

  /** Why the job, at its full size, may not start now; undefined: as far as caps go, it may. */
  refuse({ jobId, spec }: WaitingView): Reason | undefined {
    if (this.#capped.size === 0) return undefined;
    for (const { name, caps, all, byUser } of this.#line(spec.project)) {
      const whole = over(caps, all, jobId, spec);
      if (whole !== undefined) return reason("PROJECT_CAP", `project ${name} ${whole}`);
      const held = byUser.get(spec.user) ?? nothing();
      const own = caps.perUser && over(caps.perUser, held, jobId, spec);
      if (own !== undefined) return reason("USER_CAP", `the user, in project ${name}, ${own}`);
    }
    return undefined;
  }

  #add(project: string, user: string | undefined, jobId: string, devices: number): void {
    for (const { all, byUser } of this.#line(project)) {
      const helds = [all];
      if (user !== undefined) {
        const own = byUser.get(user) ?? nothing();
        byUser.set(user, own);
        helds.push(own);
      }
      for (const held of helds) {
        held.accelerators += devices;
        held.jobs.add(jobId);
      }
    }
  }

  /** Projects with caps, from the given one upwards. */
  #line(project: string): readonly Capped[] {
    const known = this.#lines.get(project);
    if (known !== undefined) return known;
    const line: Capped[] = [];
    for (let at: string | null = project; at !== null; at = this.#parents.get(at) ?? null) {
      const capped = this.#capped.get(at);
      if (capped !== undefined) line.push(capped);
    }
    this.#lines.set(project, line);
    return line;
  }
}

/** What would be over, in words that follow whose it is. */
function over(caps: Caps, held: Held, jobId: string, spec: JobSpec): string | undefined {
  const { maxAccelerators: devices = Infinity, maxRunningJobs: jobs = Infinity } = caps;
  const more = asked(spec);
  if (more > devices) return `may hold ${devices} accelerators, the job alone asks for ${more}`;
  if (more > 0 && held.accelerators + more > devices) {
    const of = `holds ${held.accelerators} of at most ${devices} accelerators`;
    return `${of}, the job asks for ${more}`;
  }
  const another = held.jobs.has(jobId) ? 0 : 1;
  return held.jobs.size + another > jobs
    ? `runs ${held.jobs.size} jobs and may run ${jobs} at one time`
    : undefined;
}

const reason = (code: "PROJECT_CAP" | "USER_CAP", text: string): Reason => ({
  ...{ code, text },
  nodes: 0,
});

/** What is said of one job is said of all of its request, project and user. */
export const capKey = ({ project, user }: JobSpec, requestKey: string): string =>
  `cap ${project} ${user} ${requestKey}`;
