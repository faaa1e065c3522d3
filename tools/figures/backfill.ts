// A small case of backfilling, played with the scheduler itself: six jobs on one node of eight
// GPUs, without passing and with it. Every job runs for exactly its time limit.
import type { Node } from "@tequio/core/pool";
import {
  type BackfillMode,
  plan,
  type RunningView,
  type SchedulerInput,
  type Start,
  type WaitingView,
} from "@tequio/core/scheduler";
import { box, COLOURS, INK, line, picture, text } from "./svg.ts";

const HOUR_MS = 3_600_000;
const GPUS = 8;

/** The case: id, GPUs and time limit in hours, in the order of submission. */
export const CASE = [
  { id: "1", gpus: 5, hours: 4 },
  { id: "2", gpus: 8, hours: 2 },
  { id: "3", gpus: 2, hours: 3 },
  { id: "4", gpus: 2, hours: 6 },
  { id: "5", gpus: 1, hours: 4 },
  { id: "6", gpus: 2, hours: 1 },
] as const;

/** A job in the timeline. */
export interface Bar {
  readonly id: string;
  readonly gpus: readonly number[];
  readonly fromH: number;
  readonly toH: number;
  readonly reason: string;
}

const NODE: Node = {
  ...{ name: "n1", os: "linux", arch: "x64", milliCpu: 64_000, memoryMiB: 524_288, labels: {} },
  accelerators: Array.from({ length: GPUS }, (_, index) => ({
    ...{ id: `gpu${index}`, kind: "gpu" as const, vendor: "NVIDIA", model: "H100" },
    memoryMiB: 81_920,
  })),
};

const waitingView = ({ id, gpus, hours }: (typeof CASE)[number]): WaitingView => ({
  jobId: id,
  submittedAtMs: Number(id),
  eligible: true,
  spec: {
    ...{ name: `job ${id}`, project: "lab", user: "eva", priority: 100, preemptible: false },
    walltimeMs: hours * HOUR_MS,
    groups: [
      {
        ...{ name: "main", count: 1, command: ["true"], env: {} },
        resources: { accelerators: gpus, milliCpu: 0, memoryMiB: 0 },
      },
    ],
    constraints: { members: [], excludeMembers: [], labels: {} },
    dependencies: [],
    requeue: true,
  },
});

/** When each job of the case starts and ends, and on which GPUs. */
export function timeline(backfill: BackfillMode): readonly Bar[] {
  const bars: Bar[] = [];
  let waiting: readonly WaitingView[] = CASE.map(waitingView);
  let running: readonly RunningView[] = [];
  let nowMs = 0;
  while (waiting.length > 0) {
    const { starts } = plan(snapshot(nowMs, waiting, running, backfill));
    for (const start of starts) {
      const { spec } = waiting.find(({ jobId }) => jobId === start.jobId)!;
      bars.push(barOf(start, nowMs, spec.walltimeMs));
      running = [...running, runningView(start, nowMs, spec.walltimeMs)];
    }
    waiting = waiting.filter(({ jobId }) => !starts.some((start) => start.jobId === jobId));
    if (waiting.length === 0) break;
    if (running.length === 0) throw new Error("A job of the case never starts.");
    nowMs = Math.min(...running.map(({ endsAtMs }) => endsAtMs));
    running = running.filter(({ endsAtMs }) => endsAtMs > nowMs);
  }
  return bars;
}

function snapshot(
  nowMs: number,
  waiting: readonly WaitingView[],
  running: readonly RunningView[],
  backfill: BackfillMode,
): SchedulerInput {
  const taken = new Set(
    running.flatMap(({ placements }) => placements.flatMap((part) => part.acceleratorIds)),
  );
  const ids = NODE.accelerators.map(({ id }) => id).filter((id) => !taken.has(id));
  const node = {
    ...{ siteId: "s1", member: "ana", node: NODE, schedulable: true, freeAcceleratorIds: ids },
    ...{ freeMilliCpu: NODE.milliCpu, freeMemoryMiB: NODE.memoryMiB },
  };
  const projects = [{ name: "lab", parent: null, shares: 1, usage: 0 }];
  return { nowMs, nodes: [node], running, waiting, projects, backfill };
}

const runningView = (start: Start, nowMs: number, walltimeMs: number): RunningView => ({
  ...{ leaseId: `L${start.jobId}`, jobId: start.jobId, siteId: start.siteId, project: "lab" },
  ...{ priority: 100, preemptible: false, placements: start.placements },
  ...{ submittedAtMs: nowMs, startedAtMs: nowMs, endsAtMs: nowMs + walltimeMs },
});

function barOf({ jobId, placements, reason }: Start, nowMs: number, walltimeMs: number): Bar {
  const gpus = placements.flatMap(({ acceleratorIds }) => acceleratorIds.map((id) => +id.slice(3)));
  const [fromH, toH] = [nowMs / HOUR_MS, (nowMs + walltimeMs) / HOUR_MS];
  return { id: jobId, gpus: gpus.sort((a, b) => a - b), fromH, toH, reason };
}

const [LEFT, WIDTH, ROW, GAP] = [52, 760, 16, 64];

/** Two timelines under one another: hours to the right, GPUs downwards. */
export function backfillPicture(): string {
  const plays = [
    { title: "Nobody passes (backfill: none)", bars: timeline("none") },
    { title: "Later jobs pass where they delay nobody (backfill: easy)", bars: timeline("easy") },
  ];
  const hours = Math.max(...plays.flatMap(({ bars }) => bars.map(({ toH }) => toH)));
  const x = (hour: number): number => LEFT + (hour / hours) * (WIDTH - LEFT - 20);
  const shapes: string[] = [];
  plays.forEach(({ title, bars }, index) => {
    const top = 34 + index * (GPUS * ROW + GAP);
    const waitH = bars.reduce((sum, { fromH }) => sum + fromH, 0) / bars.length;
    const words = `${title}: a job waits ${waitH.toFixed(1)} h in the mean`;
    shapes.push(text(LEFT, top - 12, words, { bold: true }));
    for (let gpu = 0; gpu < GPUS; gpu += 1) {
      const label = { anchor: "end", size: 10 } as const;
      shapes.push(text(LEFT - 8, top + gpu * ROW + 12, `GPU ${gpu}`, label));
    }
    for (let hour = 0; hour <= hours; hour += 1) {
      shapes.push(line(x(hour), top, x(hour), top + GPUS * ROW));
      const label = { anchor: "middle", size: 10 } as const;
      shapes.push(text(x(hour), top + GPUS * ROW + 14, `${hour} h`, label));
    }
    for (const bar of bars) shapes.push(...barShapes(bar, x, top));
  });
  const height = 34 + plays.length * (GPUS * ROW + GAP) - 24;
  return picture(WIDTH, height, "Six jobs on eight GPUs, without and with backfill", shapes);
}

/** Colours on which black letters are hard to read. */
const DARK: ReadonlySet<string> = new Set([COLOURS[0], COLOURS[2], COLOURS[5]]);

function barShapes({ id, gpus, fromH, toH }: Bar, x: (hour: number) => number, top: number) {
  const fill = COLOURS[(Number(id) - 1) % COLOURS.length]!;
  const shapes = gpus.map((gpu) =>
    box(x(fromH) + 1, top + gpu * ROW + 1, x(toH) - x(fromH) - 2, ROW - 2, fill),
  );
  const middle = top + (gpus[Math.floor((gpus.length - 1) / 2)]! + 1) * ROW - 4;
  const dark = DARK.has(fill);
  const label = { anchor: "middle", size: 11, fill: dark ? "#ffffff" : INK, bold: true } as const;
  shapes.push(text((x(fromH) + x(toH)) / 2, middle, `job ${id}`, label));
  return shapes;
}
