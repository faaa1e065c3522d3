// The distribution of waits as a curve that a page can draw: the part of the jobs that waited no
// longer than so long, at so many points.
import type { Point } from "./report.ts";

/** More are not told apart on a page. */
const POINTS_MAX = 150;

/** Points `[wait, per cent]`, the waits in units of `seconds`; jobs without a wait do not count. */
export function waitCurve(waitS: Float64Array, seconds: number): readonly Point[] {
  const sorted = waitS.filter((wait) => !Number.isNaN(wait)).sort();
  const count = sorted.length;
  const steps = Math.min(POINTS_MAX, count);
  return Array.from({ length: steps }, (_, at) => {
    const rank = Math.ceil(((at + 1) * count) / steps);
    return [sorted[rank - 1]! / seconds, (100 * rank) / count];
  });
}
