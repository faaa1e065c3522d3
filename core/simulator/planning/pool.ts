// The production scheduler in virtual time: the very `plan` of core/scheduler is asked whenever
// something has changed, at most once in so many seconds, as the control plane asks it. The truth
// (who has run how long) is here; what a node has free is in pool-nodes.ts, who waits in
// pool-queue.ts.
import { LIMITS } from "../../pool/index.ts";
import {
  learnRun,
  PlacementMemory,
  type Plan,
  type Preemption,
  plan,
  type RunHistory,
  type RunningView,
  type SchedulerInput,
  type Start,
  Times,
} from "../../scheduler/index.ts";
import type { Cluster } from "./cluster.ts";
import type { PlanJob } from "./jobs.ts";
import { Meter } from "./meter.ts";
import { nothingPlayed, type Played } from "./played.ts";
import { PoolNodes } from "./pool-nodes.ts";
import { PoolQueue } from "./pool-queue.ts";
import { PoolUsage } from "./pool-usage.ts";

export interface PoolCase {
  readonly jobs: readonly PlanJob[];
  readonly cluster: Cluster;
  readonly unit: "accelerators" | "cores";
  /** Run time that a restart loses, in seconds. */
  readonly lossS: number;
  /** Seconds between two passes of the scheduler, at least. */
  readonly passS: number;
  /** Time limit of jobs whose trace names none, in seconds. */
  readonly limitS: number;
  readonly spanS: number;
  /** Told after each pass how many jobs have ended. */
  readonly onProgress?: (ended: number) => void;
}

/** From the polite signal to the end of a job that is stopped, in seconds: half of its grace. */
const STOP_S = LIMITS.STOP_GRACE_MS / 2_000;
const SECOND_MS = 1_000;

interface Running {
  readonly job: number;
  readonly view: RunningView;
  readonly startedS: number;
  /** Start less the run time that the job had then. */
  readonly zeroS: number;
  stopping: boolean;
}

/** Plays the jobs; each must fit into the empty cluster. */
export const playPool = (one: PoolCase): Played => new PoolRun(one).toTheEnd();

class PoolRun {
  readonly #case: PoolCase;
  readonly #nodes: PoolNodes;
  readonly #queue: PoolQueue;
  readonly #running = new Map<number, Running>();
  /** Ends of running jobs, and of those that were asked to stop. */
  readonly #ends = new Times();
  readonly #savedS: Float64Array;
  readonly #usage: PoolUsage;
  /** How long jobs ran, which the backfill learns from as it does in production. */
  readonly #runTimes: RunHistory = new Map();
  /** The mix of arrivals, which the placement learns from as it does in production. */
  readonly #memory = new PlacementMemory();
  readonly #played: Played;
  readonly #scattered: Meter;
  #arrived = 0;
  #ended = 0;
  #preemptions = 0;
  #lostSlotS = 0;
  #cost = 0;
  #passes = 0;
  /** Something was freed, or a job came that no like one stands before. */
  #changed = false;
  /** An owner has its first waiting job, or a job has made way: that is planned at once. */
  #urgent = false;

  constructor(one: PoolCase) {
    this.#case = one;
    this.#nodes = new PoolNodes(one.cluster, one.unit);
    this.#queue = new PoolQueue(one.jobs, one.limitS);
    this.#savedS = new Float64Array(one.jobs.length);
    this.#played = nothingPlayed(one.jobs.length, one.spanS);
    this.#scattered = new Meter(one.spanS);
    this.#usage = new PoolUsage(
      one.jobs.map(({ owner }) => owner),
      this.#nodes,
    );
  }

  toTheEnd(): Played {
    let [passedS, scatteredS] = [-Infinity, 0];
    for (;;) {
      const passS = this.#changed ? this.#nextPassS(passedS) : Infinity;
      const nextS = Math.min(this.#nextArrivalS(), this.#ends.nextS, passS);
      // Nothing runs, nothing comes, nothing may start: who waits now waits for ever.
      if (nextS === Infinity) break;
      const nowS = Math.max(nextS, scatteredS);
      this.#scattered.add(scatteredS, nowS, this.#nodes.scattered());
      scatteredS = nowS;
      this.#endUpTo(nowS);
      this.#arriveUpTo(nowS);
      if (!this.#changed || nowS < this.#nextPassS(passedS)) continue;
      this.#pass(nowS);
      passedS = nowS;
    }
    return {
      ...this.#played,
      ...{ scattered: this.#scattered, preemptions: this.#preemptions, cost: this.#cost },
      ...{ lostSlotS: this.#lostSlotS, passes: this.#passes },
    };
  }

  /** Passes are spread out only while jobs queue up: production would not let the others wait. */
  #nextPassS(passedS: number): number {
    return this.#urgent ? passedS : passedS + this.#case.passS;
  }

  #nextArrivalS(): number {
    return this.#case.jobs[this.#arrived]?.submitS ?? Infinity;
  }

  #arriveUpTo(nowS: number): void {
    while (this.#nextArrivalS() <= nowS) {
      if (this.#queue.add(this.#arrived)) this.#changed = true;
      if (this.#queue.waitingOf(this.#case.jobs[this.#arrived]!.owner) === 1) this.#urgent = true;
      this.#memory.arrivals.learn(this.#queue.specOf(this.#arrived).spec, 1);
      this.#arrived += 1;
    }
  }

  #endUpTo(nowS: number): void {
    while (this.#ends.nextS <= nowS) {
      const atS = this.#ends.nextS;
      const running = this.#running.get(this.#ends.pop())!;
      this.#end(running, atS);
      this.#changed = true;
      if (running.stopping) this.#urgent = true;
      const stopped = running.stopping && this.#endsAtS(running) > atS;
      this.#learn(running, atS, stopped);
      if (stopped) {
        this.#savedS[running.job] = Math.max(this.#savedS[running.job]!, atS - running.zeroS);
        this.#queue.add(running.job, running.view.siteId);
      } else {
        this.#played.endS[running.job] = atS;
        this.#ended += 1;
      }
    }
  }

  #learn({ view, startedS }: Running, atS: number, stopped: boolean): void {
    const { spec, startedAtMs, endsAtMs } = view;
    if (spec === undefined) return;
    learnRun(this.#runTimes, {
      ...{ job: spec, ranMs: Math.round((atS - startedS) * SECOND_MS) },
      ...{ walltimeMs: endsAtMs - startedAtMs, outcome: stopped ? "preempted" : "completed" },
    });
  }

  #endsAtS({ job, zeroS }: Running): number {
    return zeroS + this.#case.jobs[job]!.durationS;
  }

  #end({ job, view, startedS }: Running, nowS: number): void {
    const { user, request } = this.#case.jobs[job]!;
    this.#running.delete(job);
    this.#nodes.giveBack(view);
    this.#played.busy.add(startedS, nowS, request.width);
    this.#usage.ended(view, user, Math.round(nowS * SECOND_MS));
    this.#cost += this.#nodes.pricePerHour(view) * ((nowS - startedS) / 3_600);
  }

  #pass(nowS: number): void {
    this.#changed = false;
    this.#urgent = false;
    this.#passes += 1;
    const made = this.#ask(nowS);
    for (const preemption of made.preemptions) this.#stop(preemption, nowS);
    for (const start of made.starts) this.#start(start, nowS);
    this.#case.onProgress?.(this.#ended);
  }

  #ask(nowS: number): Plan {
    const nowMs = Math.round(nowS * SECOND_MS);
    const running = [...this.#running.values()].map(({ view, stopping }) =>
      stopping ? { ...view, stopping } : view,
    );
    const input: SchedulerInput = {
      nowMs,
      nodes: this.#nodes.views(),
      running,
      waiting: [],
      lines: this.#queue.lines(),
      projects: this.#usage.views(running, nowMs),
      lending: this.#nodes.lending,
      memory: this.#memory,
      runTimes: this.#runTimes,
    };
    return plan(input);
  }

  #stop({ leaseId }: Preemption, nowS: number): void {
    const running = this.#running.get(Number(leaseId));
    if (running === undefined || running.stopping) return;
    running.stopping = true;
    this.#preemptions += 1;
    const atS = Math.min(nowS + STOP_S, this.#endsAtS(running));
    this.#ends.drop(running.job);
    this.#ends.push(running.job, atS);
  }

  #start({ jobId, siteId, placements, shareMilli, backfill }: Start, nowS: number): void {
    const job = Number(jobId);
    const { spec, submittedAtMs } = this.#queue.take(job);
    const saved = this.#savedS[job]!;
    const kept = Math.max(0, saved - this.#case.lossS);
    this.#lostSlotS += (saved - kept) * this.#case.jobs[job]!.request.width;
    const startedAtMs = Math.round(nowS * SECOND_MS);
    const view: RunningView = {
      // One job has one lease at a time, so its number tells the lease, too.
      ...{ leaseId: jobId, jobId, siteId, placements, submittedAtMs, startedAtMs },
      ...{ project: spec.project, priority: spec.priority, preemptible: spec.preemptible, spec },
      endsAtMs: startedAtMs + spec.walltimeMs,
      ...(shareMilli === undefined ? {} : { shareMilli }),
      ...(backfill === undefined ? {} : { backfill }),
    };
    this.#nodes.take(view);
    const running: Running = { job, view, startedS: nowS, zeroS: nowS - kept, stopping: false };
    this.#running.set(job, running);
    this.#ends.push(job, this.#endsAtS(running));
    if (Number.isNaN(this.#played.startS[job]!)) this.#played.startS[job] = nowS;
  }
}
