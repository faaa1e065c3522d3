// Which earlier models of a run are kept, so that it can be forked and exported as it was. What a
// merge publishes is kept anyway; this decides what outlives the next merges. Where the blobs lie
// and when they are deleted is the server's.
import type { Milestone } from "./state.ts";

/** Each holds three vectors of the model's size: four of them are three gibibytes for 67 million
 * parameters, well within a run's quota of blobs. */
export const MILESTONES_MAX = 4;

/**
 * The list with one more, oldest first: rounds that are multiples of a distance, which is doubled
 * when they become too many. So they are always spread evenly over the whole run.
 */
export function withMilestone(
  list: readonly Milestone[],
  next: Milestone,
  most: number = MILESTONES_MAX,
): readonly Milestone[] {
  let every = distanceOf(list);
  if (next.round % every !== 0) return list;
  let kept = [...list, next];
  while (kept.length > most) {
    every *= 2;
    const far = every;
    kept = kept.filter(({ round }) => round % far === 0);
  }
  return kept;
}

/** The largest power of two that divides every round of the list; 1 for fewer than two. */
function distanceOf(list: readonly Milestone[]): number {
  let every = 1;
  if (list.length < 2) return every;
  while (list.every(({ round }) => round % (2 * every) === 0)) every *= 2;
  return every;
}
