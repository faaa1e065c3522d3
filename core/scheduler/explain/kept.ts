// The passes of plans that somebody still has: what a pass found is asked about, not found anew.
// Asking is left to ../explain.ts.
import { makeDemand } from "../demand.ts";
import type { Pass } from "../plan.ts";
import type { Plan, WaitingView } from "../types.ts";
import type { World } from "../world.ts";

const passes = new WeakMap<Plan, Pass>();

/** Keeps the pass for as long as the plan is kept, and gives back the plan. */
export function keepPass(made: Plan, pass: Pass): Plan {
  passes.set(made, { ...pass, demandOf: freshDemand(pass.world) });
  return made;
}

/** The pass that a plan came from. */
export const passOf = (made: Plan): Pass | undefined => passes.get(made);

/** What a pass looked up of thousands of requests is not kept with it. */
const freshDemand = (world: World) => (job: WaitingView) => makeDemand(job.spec, world);
