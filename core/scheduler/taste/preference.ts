// What the job file says: `prefer: fast` takes the device on which this kind of work is done
// soonest, `prefer: cheap` the one on which it costs least, by the owner's price an hour and the
// hours that it takes there.
import { kindOf } from "../throughput/index.ts";
import type { WaitingView } from "../types.ts";
import type { TastePlace, TasteRanker, TasteWorld } from "./taste.ts";

/** Points for a hundredth of speed or cost: beyond what the other rankers give together. */
const PREFERENCE_POINTS = 1_000;

/** What is free of charge counts as this: its logarithm is still a number. */
const MICRO_MIN = 1;

/** Points of a device: hundredths of the logarithm of its slowness, or of the cost of the work. */
function pointsOf({ spec }: WaitingView, world: TasteWorld, { siteId, device }: TastePlace) {
  if (device === undefined) return 0;
  const slowness = -Math.log(world.speeds.speedOf(kindOf(spec), device));
  const price = Math.log(Math.max(MICRO_MIN, world.priceOf(siteId, device)));
  return Math.round(100 * (spec.prefer === "cheap" ? price + slowness : slowness));
}

const MICRO = 1_000_000;

export const preference: TasteRanker = {
  of: (job, world) =>
    job.spec.prefer === undefined
      ? undefined
      : (place) => PREFERENCE_POINTS * pointsOf(job, world, place),
  says: ({ spec }, world, { siteId, device }) => {
    if (spec.prefer === undefined || device === undefined) return undefined;
    const speed = world.speeds.speedOf(kindOf(spec), device).toFixed(2);
    const credits = Number((world.priceOf(siteId, device) / MICRO).toFixed(2));
    const figures = `${speed} times the pool's mean speed, ${credits} credits an hour`;
    return `prefers ${spec.prefer}: ${device.model} has ${figures}`;
  },
};
