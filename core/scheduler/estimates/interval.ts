// The start interval of a job that waits in a real pool: sites are counted by the devices that the
// job could use, leases and jobs ahead by how many of them they take; then the queue is played.
import { acceleratorsOf, WHOLE_MILLI } from "../../pool/index.ts";
import { blockedJob } from "../barred.ts";
import type { Demand } from "../demand.ts";
import { leastSpec } from "../gang/elastic.ts";
import type { Pass } from "../plan.ts";
import type { WaitingLine, WaitingView } from "../types.ts";
import type { Holding, Room, SiteState } from "../world.ts";
import { ESTIMATES } from "./bounds.ts";
import {
  type CountedJob,
  type CountedMany,
  type CountedRun,
  type CountedSite,
  type StartInterval,
  startInterval,
} from "./starts.ts";

/** A job that waits, what the pass found, and who else waits. */
export interface Asked {
  readonly pass: Pass;
  readonly job: WaitingView;
  readonly waiting: readonly WaitingView[];
  readonly lines: readonly WaitingLine[];
  /** How many have their turn before it. */
  readonly ahead: number;
  /** The first of them, in order; ESTIMATES.AHEAD_PLAYED_MAX are enough. */
  readonly first: readonly WaitingView[];
}

/**
 * Early, likely and late start, epoch ms; undefined if the job fits nowhere. In steps. No start
 * is earlier than where the job really fits if all that runs is over early.
 */
export function* startIntervalOf(
  asked: Asked,
): Generator<undefined, StartInterval | undefined, undefined> {
  const { pass, job } = asked;
  const { world, times, backfill } = pass;
  const demand = pass.demandOf({ ...job, spec: leastSpec(job.spec) });
  const question = blockedJob(pass, job, demand);
  const sites = demand.candidates.filter(({ site }) => !question.excluded.has(site.siteId));
  let floorMs = Infinity;
  for (const site of sites) {
    yield;
    const here = { ...question, demand: { ...demand, candidates: [site] } };
    floorMs = Math.min(floorMs, backfill.earliestStartMs(here) ?? Infinity);
  }
  if (floorMs === Infinity) return undefined;
  const indexOf = new Map(sites.map(({ site }, index) => [site, index]));
  const measure = measureOf(demand);
  const counted: CountedSite[] = [];
  const most = Math.max(1, Math.floor(ESTIMATES.RUNS_PLAYED_MAX / sites.length));
  for (const candidates of sites) {
    yield;
    const whole = countSite(candidates, demand, measure, world.nowMs);
    const kept = measure === "devices" ? backfill.keptFrom(job.spec, candidates.nodes) : [];
    counted.push({ ...whole, running: [...bundled(whole.running, most), ...kept] });
  }
  const jobOf = (view: WaitingView): CountedJob => ({
    ...{ devices: askedBy(pass.demandOf(view), measure), run: view.spec },
    ...{ startedAtMs: world.nowMs, endsAtMs: world.nowMs + view.spec.walltimeMs },
    sites: pass.demandOf(view).candidates.flatMap(({ site }) => indexOf.get(site) ?? []),
  });
  const { first } = asked;
  const ahead: CountedJob[] = [];
  for (const view of first) {
    yield;
    const other = jobOf(view);
    if (other.devices > 0 && other.sites.length > 0) ahead.push(other);
  }
  const further: CountedMany[] = [];
  for (const { view, count } of furtherAhead(asked, first.length)) {
    yield;
    further.push({ job: jobOf(view), count });
  }
  const known = { nowMs: world.nowMs, sites: counted, ahead, job: jobOf(job) };
  const queue = { ...known, further: further.filter((many) => many.job.sites.length > 0) };
  const interval = yield* startInterval(queue, times);
  if (interval === undefined) return undefined;
  const [early, likely, late] = interval.map((ms) => Math.round(Math.max(ms, floorMs)));
  return Number.isFinite(late) ? [early!, likely!, late!] : undefined;
}

/**
 * Jobs between the first ones and the job, by what they ask: lines of higher priority, and of the
 * same one. How many of them are ahead in all is known; of each line as large a part is taken.
 */
function furtherAhead(
  { job, waiting, lines, ahead }: Asked,
  listed: number,
): readonly { readonly view: WaitingView; readonly count: number }[] {
  const { priority } = job.spec;
  const kinds = waiting
    .filter((other) => other.eligible && other.spec.priority >= priority)
    .map((view) => ({ view, count: 1 }));
  for (const line of lines) {
    const view = line.priority < priority ? undefined : line.jobs().next().value;
    if (view !== undefined) kinds.push({ view, count: line.count });
  }
  const most = kinds.sort((a, b) => b.count - a.count).slice(0, ESTIMATES.FURTHER_KINDS_MAX);
  const all = most.reduce((sum, { count }) => sum + count, 0);
  const part = Math.max(0, ahead - listed) / Math.max(1, all);
  return part === 0 ? [] : most.map(({ view, count }) => ({ view, count: count * part }));
}

/** At most so many runs: of more, those that end one after the other count as one. */
function bundled(runs: readonly CountedRun[], most: number): readonly CountedRun[] {
  if (runs.length <= most) return runs;
  const sorted = [...runs].sort((a, b) => a.endsAtMs - b.endsAtMs);
  const each = Math.ceil(runs.length / most);
  const bundles: CountedRun[] = [];
  for (let from = 0; from < sorted.length; from += each) {
    const bundle = sorted.slice(from, from + each);
    const devices = bundle.reduce((sum, run) => sum + run.devices, 0);
    bundles.push({ ...bundle[bundle.length >> 1]!, devices });
  }
  return bundles;
}

/** What is counted: accelerators, or for a job that asks for none thousandths of a core. */
type Measure = "devices" | "milliCpu";

const measureOf = ({ portions }: Demand): Measure =>
  portions.some(({ need }) => need.resources.accelerators > 0) ? "devices" : "milliCpu";

function askedBy({ portions }: Demand, measure: Measure): number {
  return portions.reduce((sum, { need: { resources }, tasks }) => {
    const each = measure === "devices" ? acceleratorsOf(resources) : resources.milliCpu;
    return sum + each * tasks;
  }, 0);
}

function countSite(
  { site, nodes }: Demand["candidates"][number],
  { portions }: Demand,
  measure: Measure,
  nowMs: number,
): CountedSite {
  const usable = new Map(
    nodes.map((node) => {
      const devices = portions.flatMap(({ matching }) => matching[node.classIndex] ?? []);
      return [node, new Set(devices)];
    }),
  );
  const taken = ({ parts }: Holding): number =>
    parts.reduce((sum, { node, devices, shared = [], milliCpu }) => {
      const here = usable.get(node);
      if (here === undefined) return sum;
      if (measure === "milliCpu") return sum + milliCpu;
      const ofParts = shared.filter(({ device }) => here.has(device));
      const milli = ofParts.reduce((all, part) => all + part.milli, 0);
      return sum + devices.filter((device) => here.has(device)).length + milli / WHOLE_MILLI;
    }, 0);
  const running = runsOf(site, taken, nowMs);
  let capacity = running.reduce((sum, { devices }) => sum + devices, 0);
  for (const [node, devices] of usable) {
    if (measure === "milliCpu") capacity += node.room.milliCpu;
    else for (const device of devices) capacity += freeOf(node.room, device);
  }
  return { capacity, running };
}

/** What is free of a device: all, nothing, or what parts have left. */
const freeOf = ({ devices, left }: Room, device: number): number =>
  left === undefined ? devices[device]! : left[device]! / WHOLE_MILLI;

/** What holds something of a site, with a run time to draw from. */
function runsOf(
  { holdings }: SiteState,
  taken: (holding: Holding) => number,
  nowMs: number,
): readonly CountedRun[] {
  return holdings.flatMap((holding) => {
    const devices = taken(holding);
    if (devices === 0) return [];
    const { lease, stopping, endsAtMs } = holding;
    const spec = lease?.spec ?? holding.spec;
    const startedAtMs = lease?.startedAtMs ?? nowMs;
    const counted = { devices, startedAtMs, endsAtMs };
    return spec === undefined || stopping ? [counted] : [{ ...counted, run: spec }];
  });
}
