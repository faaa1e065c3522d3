// What a project, and each user within it, may have at one time: accelerators, running jobs and
// waiting jobs. How much they have, and what follows from it, is left to the scheduler and the
// controller.

/** At most so many at one time; an absent figure is no bound. */
export interface Caps {
  /** Accelerators that leases hold. */
  readonly maxAccelerators?: number;
  /** Jobs that hold a lease; a task of an array is a job. */
  readonly maxRunningJobs?: number;
  /** Jobs that wait; what is over is refused when it is submitted. */
  readonly maxQueuedJobs?: number;
}

/** Caps of a project with all that is below it, and of each single user in there. */
export interface ProjectCaps extends Caps {
  readonly perUser?: Caps;
}

/** New figures; null takes one away, what is absent stays. */
export type CapsChange = {
  readonly [Cap in keyof Caps]: number | null;
} & { readonly perUser?: { readonly [Cap in keyof Caps]: number | null } };

const CAPS = ["maxAccelerators", "maxRunningJobs", "maxQueuedJobs"] as const;

/** The caps after a change; undefined: none are left. */
export function changeCaps(
  before: ProjectCaps | undefined,
  change: CapsChange,
): ProjectCaps | undefined {
  const own = changed(before, change);
  const perUser = changed(before?.perUser, change.perUser ?? {});
  if (Object.keys(perUser).length > 0) return { ...own, perUser };
  return Object.keys(own).length > 0 ? own : undefined;
}

function changed(
  before: Caps | undefined,
  change: { readonly [Cap in keyof Caps]: number | null },
): Caps {
  const caps: { -readonly [Cap in keyof Caps]: number } = {};
  for (const cap of CAPS) {
    const value = change[cap] === undefined ? before?.[cap] : change[cap];
    if (value !== undefined && value !== null) caps[cap] = value;
  }
  return caps;
}
