// What pooling does to the waits of fifteen owners: everybody alone, pooled first come first
// served, and pooled with shares. Replays the trace with the code of bench/philly.ts's rows.
import { SharesPlan } from "@tequio/core/scheduler";
import {
  jobsOf,
  type OwnerTrace,
  ownerNeeds,
  replayEasy,
  replayShared,
  reportWaits,
} from "@tequio/core/simulator";
import { COLOURS, dot, line, PALE, picture, text } from "./svg.ts";

/** Mean waits of one owner, in hours. */
export interface OwnerWaits {
  readonly owner: string;
  readonly aloneH: number;
  readonly fcfsH: number;
  readonly sharesH: number;
}

/** Lost work of a restart, as in the recorded results. */
const LOSS_S = 60;

/** Waits by owner, those who wait longest alone first. */
export function ownerWaits(trace: OwnerTrace): readonly OwnerWaits[] {
  const needs = ownerNeeds(trace);
  const ownCapacity = needs.map(({ capacity }) => capacity);
  const capacity = ownCapacity.reduce((sum, own) => sum + own, 0);
  const alone = new Float64Array(trace.gpus.length);
  ownCapacity.forEach((own, owner) => {
    const jobs = jobsOf(trace, owner);
    const startS = replayEasy(trace, jobs, own, "fcfs");
    for (const [index, job] of jobs.entries()) alone[job] = startS[index]! - trace.submitS[job]!;
  });
  const fcfs = replayEasy(trace, jobsOf(trace), capacity, "fcfs");
  const policy = new SharesPlan({ capacity, ownCapacity, lossS: LOSS_S });
  const shares = replayShared(trace, { capacity, lossS: LOSS_S }, policy);
  const byOwner = (waitS: Float64Array): readonly number[] => reportWaits(trace, waitS).ownerMeanH;
  const aloneH = byOwner(alone);
  const fcfsH = byOwner(fcfs.map((startS, job) => startS - trace.submitS[job]!));
  const sharesH = byOwner(shares.waitS);
  return trace.owners
    .map((owner, index) => ({
      ...{ owner, aloneH: aloneH[index]!, fcfsH: fcfsH[index]!, sharesH: sharesH[index]! },
    }))
    .sort((a, b) => b.aloneH - a.aloneH);
}

const [LEFT, TOP, ROW, WIDTH, RIGHT] = [110, 64, 22, 760, 24];
/** The axis is logarithmic from half a minute to a thousand hours. */
const [LEAST_H, MOST_H] = [0.008, 1_000];
const TICKS: readonly (readonly [number, string])[] = [
  ...([
    [1 / 60, "1 min"],
    [1 / 6, "10 min"],
    [1, "1 h"],
    [10, "10 h"],
    [100, "100 h"],
  ] as const),
];

/** One line an owner; a dot at the left edge waits less than half a minute. */
export function phillyPicture(rows: readonly OwnerWaits[]): string {
  const height = TOP + rows.length * ROW + 40;
  const x = (hours: number): number => {
    const part = Math.log(Math.max(hours, LEAST_H) / LEAST_H) / Math.log(MOST_H / LEAST_H);
    return LEFT + part * (WIDTH - LEFT - RIGHT);
  };
  const shapes = [
    text(LEFT, 22, "Mean wait of each owner's jobs (logarithmic)", { size: 13, bold: true }),
    dot(LEFT + 5, 40, PALE),
    text(LEFT + 15, 44, "alone", { size: 11 }),
    dot(LEFT + 85, 40, COLOURS[1]),
    text(LEFT + 95, 44, "pooled, first come first served", { size: 11 }),
    dot(LEFT + 295, 40, COLOURS[0]),
    text(LEFT + 305, 44, "pooled, shares: nobody waits longer than alone", { size: 11 }),
  ];
  for (const [hours, label] of TICKS) {
    shapes.push(line(x(hours), TOP - 8, x(hours), height - 30));
    shapes.push(text(x(hours), height - 14, label, { anchor: "middle", size: 11 }));
  }
  rows.forEach(({ owner, aloneH, fcfsH, sharesH }, index) => {
    const y = TOP + index * ROW + 8;
    shapes.push(text(LEFT - 10, y + 4, `owner ${owner}`, { anchor: "end" }));
    shapes.push(line(x(sharesH), y, x(aloneH), y, PALE));
    shapes.push(dot(x(aloneH), y, PALE, 8), dot(x(fcfsH), y, COLOURS[1], 4));
    shapes.push(dot(x(sharesH), y, COLOURS[0]));
  });
  return picture(
    WIDTH,
    height,
    "Mean wait by owner, alone and pooled, on the Philly trace",
    shapes,
  );
}
