// What one owner would have alone: a virtual machine of the owner's own size that runs the owner's
// jobs, first come first served. A job that runs on it is entitled to run in the pool at once, so
// nobody does worse in the pool than here. How long jobs run is not known here beforehand: a job
// leaves the virtual machine once it has ended in the pool, which is never later.
// Which jobs run in the pool, and on whose accelerators, is left to shares/plan.ts.
import { assert } from "../../pool/index.ts";

/** Waiting jobs that backfilling looks at, as in EASY's usual window. */
const BACKFILL_POSITIONS = 400;

interface VirtualJob {
  readonly job: number;
  readonly gpus: number;
  /** Started in its turn: nothing takes its place before it ends. */
  firm: boolean;
  /** Run time that a pause does not lose, in seconds. */
  savedS: number;
  /** When it started last, less the run time that it had then; undefined while it waits. */
  zeroS: number | undefined;
  /** Its whole run time, once the pool has ended it. */
  runS: number | undefined;
  gone: boolean;
}

/** What happens on the virtual machine, as the plan hears it. */
export interface Entitlement {
  readonly grant: (job: number) => void;
  readonly withdraw: (job: number) => void;
}

/** Run time with which a job goes on after a pause: the restart costs `lossS` of it. */
export const resumedAt = (savedS: number, lossS: number): number => Math.max(0, savedS - lossS);

export class OwnShare {
  readonly #capacity: number;
  readonly #lossS: number;
  readonly #entitlement: Entitlement;
  readonly #jobs = new Map<number, VirtualJob>();
  /** By arrival: all that are not firm yet. Backfilled ones stay here until their turn comes. */
  #queue: VirtualJob[] = [];
  #head = 0;
  #running: VirtualJob[] = [];
  #free: number;
  #changed = false;
  #nextEndS = Infinity;

  constructor(capacity: number, lossS: number, entitlement: Entitlement) {
    this.#capacity = capacity;
    this.#free = capacity;
    this.#lossS = lossS;
    this.#entitlement = entitlement;
  }

  /** When the virtual machine changes next by itself, in seconds; Infinity if it does not. */
  get nextEventS(): number {
    return this.#nextEndS;
  }

  /** A job arrives. Jobs wider than the owner's own machine never start here. */
  submit(job: number, gpus: number): void {
    if (gpus > this.#capacity) return;
    const entry: VirtualJob = {
      ...{ job, gpus, firm: false, savedS: 0, zeroS: undefined, runS: undefined, gone: false },
    };
    this.#jobs.set(job, entry);
    this.#queue.push(entry);
    this.#changed = true;
  }

  /** The pool ends a job at `nowS`, after `runS` seconds of run time: now its length is known. */
  learn(job: number, runS: number, nowS: number): void {
    const entry = this.#jobs.get(job);
    if (entry === undefined) return;
    entry.runS = runS;
    if (entry.zeroS === undefined) return;
    // In a pool that is smaller than its owners' machines together the virtual end may be past.
    this.#nextEndS = Math.min(this.#nextEndS, Math.max(nowS, entry.zeroS + runS));
  }

  /** Brings the virtual machine to `nowS`: ends what has ended, starts what can start. */
  advance(nowS: number): void {
    if (nowS >= this.#nextEndS) this.#endUpTo(nowS);
    if (!this.#changed) return;
    this.#changed = false;
    this.#startInTurn(nowS);
    this.#backfill(nowS);
    this.#nextEndS = this.#running.reduce((min, entry) => Math.min(min, endOf(entry)), Infinity);
    this.#nextEndS = Math.max(this.#nextEndS, nowS);
  }

  #endUpTo(nowS: number): void {
    this.#running = this.#running.filter((entry) => {
      if (endOf(entry) > nowS) return true;
      entry.gone = true;
      this.#free += entry.gpus;
      this.#jobs.delete(entry.job);
      return false;
    });
    this.#changed = true;
  }

  /** The head starts as soon as the jobs before it leave room; backfilled ones make way. */
  #startInTurn(nowS: number): void {
    while (this.#head < this.#queue.length) {
      const head = this.#queue[this.#head]!;
      if (!head.gone) {
        if (head.zeroS === undefined && !this.#makeRoom(head.gpus, nowS)) break;
        head.firm = true;
        if (head.zeroS === undefined) this.#start(head, nowS);
      }
      this.#head += 1;
    }
    if (this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Pauses backfilled jobs, the last one first, if that makes room for `gpus` more. */
  #makeRoom(gpus: number, nowS: number): boolean {
    if (this.#free >= gpus) return true;
    const backfilled = this.#running.filter((entry) => !entry.firm);
    const room = backfilled.reduce((sum, entry) => sum + entry.gpus, this.#free);
    if (room < gpus) return false;
    while (this.#free < gpus) this.#pause(backfilled.pop()!, nowS);
    return true;
  }

  #pause(entry: VirtualJob, nowS: number): void {
    assert(entry.zeroS !== undefined, "only a running job is paused");
    entry.savedS = Math.max(entry.savedS, nowS - entry.zeroS);
    entry.zeroS = undefined;
    this.#free += entry.gpus;
    this.#running.splice(this.#running.indexOf(entry), 1);
    this.#entitlement.withdraw(entry.job);
  }

  #backfill(nowS: number): void {
    const last = Math.min(this.#queue.length, this.#head + BACKFILL_POSITIONS);
    for (let at = this.#head; at < last && this.#free > 0; at += 1) {
      const entry = this.#queue[at]!;
      if (entry.gone || entry.zeroS !== undefined || entry.gpus > this.#free) continue;
      this.#start(entry, nowS);
    }
  }

  #start(entry: VirtualJob, nowS: number): void {
    entry.zeroS = nowS - resumedAt(entry.savedS, this.#lossS);
    this.#free -= entry.gpus;
    this.#running.push(entry);
    this.#entitlement.grant(entry.job);
  }
}

const endOf = ({ zeroS, runS }: VirtualJob): number =>
  zeroS === undefined || runS === undefined ? Infinity : zeroS + runS;
