// What one task of an array runs. All tasks share the description that was submitted; what tells
// them apart is made when it is needed, because a million copies of it would fill the memory.
import type { JobSpec } from "../pool/index.ts";
import type { JobState, State } from "./state.ts";

/** The job's description; a task of an array learns its index, by the names of Slurm's users. */
export function taskSpec(state: State, { spec, place }: JobState): JobSpec {
  if (place === null) return spec;
  const { arrayId, index } = place;
  const tasks = state.arrays.get(arrayId)!;
  const env = {
    SLURM_ARRAY_JOB_ID: arrayId,
    SLURM_ARRAY_TASK_ID: String(index),
    SLURM_ARRAY_TASK_COUNT: String(tasks.length),
    SLURM_ARRAY_TASK_MIN: indexOf(tasks[0]!),
    SLURM_ARRAY_TASK_MAX: indexOf(tasks.at(-1)!),
  };
  const groups = spec.groups.map((group) => ({ ...group, env: { ...group.env, ...env } }));
  return { ...spec, groups };
}

const indexOf = (taskId: string): string => taskId.slice(taskId.indexOf("_") + 1);
