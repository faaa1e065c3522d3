// Throughput match: a job goes to the devices on which its kind of work gains most compared with
// the others that wait. Not simply the fastest: who gains little from a fast device leaves it to
// those who gain much.
import { kindOf } from "../throughput/index.ts";
import type { TasteRanker } from "./taste.ts";

/** Part of a gain that makes one point: what is less is within the error of the estimates. */
const GAIN_OF_POINT = 0.1;

/** Points of one such part, so that locality weighs as much as two and a half. */
const POINTS = 10;

/** From this gain on it is worth a word. */
const TOLD_FROM = 0.1;

export const throughputMatch: TasteRanker = {
  of: ({ spec }, { speeds, waiting }) => {
    if (!speeds.tellsKindsApart || waiting.length < 2) return undefined;
    const kind = kindOf(spec);
    return ({ device }) => {
      if (device === undefined) return 0;
      // The difference of two zeros would be a negative one.
      return 0 - POINTS * Math.round(speeds.advantage(kind, device, waiting) / GAIN_OF_POINT);
    };
  },
  says: ({ spec }, { speeds, waiting }, { device }) => {
    if (device === undefined) return undefined;
    const gain = speeds.advantage(kindOf(spec), device, waiting);
    if (gain < TOLD_FROM) return undefined;
    const percent = Math.round(100 * gain);
    return `this work gains ${percent} % more from ${device.model} than what else waits`;
  },
};
