// What the scheduler remembers, beside the state: made from its jobs when it is asked for first,
// and told of those that arrive later. It is no part of the state: a plan is never replayed.
import type { JobSpec } from "../pool/index.ts";
import { PlacementMemory } from "../scheduler/index.ts";
import type { State } from "./state.ts";

const memories = new WeakMap<State, PlacementMemory>();

/** The memory of a state. */
export function memoryOf(state: State): PlacementMemory {
  const known = memories.get(state);
  if (known !== undefined) return known;
  const memory = new PlacementMemory();
  // Tasks of an array share their description and stand together.
  let [last, count]: [JobSpec | undefined, number] = [undefined, 0];
  for (const { spec } of state.jobs.values()) {
    if (spec !== last) {
      if (last !== undefined) memory.arrivals.learn(last, count);
      [last, count] = [spec, 0];
    }
    count += 1;
  }
  if (last !== undefined) memory.arrivals.learn(last, count);
  memories.set(state, memory);
  return memory;
}

/** So many jobs of one description have arrived: they are learned, if anybody has asked. */
export const jobsArrived = (state: State, spec: JobSpec, count: number): void =>
  memories.get(state)?.arrivals.learn(spec, count);
