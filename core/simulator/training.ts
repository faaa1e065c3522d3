// The pool's side of spanning runs in the simulated world: what the server does around the round
// machine. It prepares runs, answers workers, lets an aggregator merge that computes nothing, and
// plays the operator. After a crash of the control plane it goes on from the state alone.
import type { Event, RunState } from "../controller/index.ts";
import {
  type AggregateRow,
  assignmentOf,
  pendingAggregation,
  type RoundClosing,
} from "../training/index.ts";
import type { Agenda } from "./agenda.ts";
import type { Chance } from "./chance.ts";
import type { Message, Offer } from "./network.ts";
import type { SimulatedPool } from "./pool.ts";
import { SIMULATED_MODEL } from "./worker.ts";

const LINK = { rttMs: 20, upMbitPerS: 20, downMbitPerS: 20 } as const;
const BATCH_SIZES = [1, 2, 4, 8, 16] as const;
/** Small enough that runs walk over their text several times. */
const WINDOWS = 300;
const PREPARE_MS_MAX = 10_000;
const MERGE_MS_MAX = 3_000;
/** An operator looks at a paused run after so long. */
const OPERATOR_MS = 20_000;

export interface TrainingPlace {
  readonly pool: SimulatedPool;
  readonly agenda: Agenda;
  readonly chance: Chance;
  /** True while things may go wrong. */
  readonly faulty: () => boolean;
}

export class SimulatedTraining {
  /** Runs that the world itself let fail. */
  readonly failed = new Set<string>();
  readonly #place: TrainingPlace;

  constructor(place: TrainingPlace) {
    this.#place = place;
  }

  /** Goes on with what follows from durable events. */
  onEvents(events: readonly Event[]): void {
    for (const event of events) {
      if (event.type === "job.submitted" && event.spec.run !== undefined) {
        this.#prepare(event.jobId);
      } else if (event.type === "run.prepared") this.#meddle(event.jobId);
      else if (event.type === "run.advanced") {
        if (event.event.type === "round.closing") this.#aggregate(event.jobId, event.event);
        if (event.event.type === "run.paused") this.#resumeLater(event.jobId);
      }
    }
  }

  /** The control plane is up again: nothing is known but the state. */
  onStart(): void {
    const { state } = this.#place.pool;
    for (const job of state.jobs.values()) {
      if (job.spec.run === undefined || job.stage === "ended") continue;
      const run = state.runs.get(job.jobId);
      if (run === undefined) this.#prepare(job.jobId);
      else {
        const pending = pendingAggregation(run.machine);
        if (pending !== undefined) this.#aggregate(job.jobId, pending);
      }
    }
  }

  /** Answers a worker that asks what to do; undefined when nobody is there to answer. */
  ask(siteId: string, leaseId: string): Message | undefined {
    const { pool } = this.#place;
    if (!pool.up) return undefined;
    const over = { type: "assignment", leaseId, assignment: null, timeLeftMs: 0, over: true };
    const run = this.#runOf(siteId, leaseId);
    if (run === undefined) return over as Message;
    const input = {
      type: "site.available",
      siteId,
      link: LINK,
      tokensPerSecondHint: null,
    } as const;
    const answer = pool.submit({ type: "run", jobId: run.jobId, input });
    if (!answer.ok) return answer.code === "POOL_UNREACHABLE" ? undefined : (over as Message);
    if (run.machine.phase.kind === "finished") return over as Message;
    const assignment = structuredClone(assignmentOf(run.machine, siteId)) ?? null;
    const timeLeftMs = Math.max(0, (assignment?.deadlineMs ?? 0) - pool.nowMs);
    return { type: "assignment", leaseId, assignment, timeLeftMs, over: false };
  }

  /** Takes an offer; undefined when nobody was there to take it. */
  offer(siteId: string, leaseId: string, offer: Offer): Message | undefined {
    const { pool } = this.#place;
    if (!pool.up) return undefined;
    const taken = { type: "offered", leaseId, blob: offer.blob } as const;
    const run = this.#runOf(siteId, leaseId);
    if (run === undefined) return taken;
    const answer = pool.submit({ type: "run", jobId: run.jobId, input: { ...offer, siteId } });
    return !answer.ok && answer.code === "POOL_UNREACHABLE" ? undefined : taken;
  }

  /** The run that an open lease works for: a task token is good for no longer. */
  #runOf(siteId: string, leaseId: string): RunState | undefined {
    const { state } = this.#place.pool;
    const lease = state.leases.get(leaseId);
    if (lease === undefined || lease.stage === "ended") return undefined;
    return lease.lease.siteId === siteId ? state.runs.get(lease.lease.jobId) : undefined;
  }

  #prepare(jobId: string): void {
    const { pool, agenda, chance, faulty } = this.#place;
    agenda.after(chance.next() * PREPARE_MS_MAX, () => {
      if (!pool.up) return; // The next start looks for it again.
      if (faulty() && chance.hits(0.03)) {
        this.failed.add(jobId);
        pool.submit({ type: "failRun", jobId, message: "its text is missing" });
        return;
      }
      pool.submit({
        type: "prepareRun",
        jobId,
        parameters: SIMULATED_MODEL.parameters,
        windows: WINDOWS,
        batchSizes: BATCH_SIZES,
        modelDigest: "m",
        modelBlob: "b",
        heldOutLoss: 5,
      });
    });
  }

  #aggregate(jobId: string, request: RoundClosing): void {
    const { pool, agenda, chance } = this.#place;
    const { round } = request;
    const tell = (input: Parameters<typeof pool.submit>[0]): void => {
      agenda.after(50 + chance.next() * MERGE_MS_MAX, () => void pool.submit(input));
    };
    if (this.#fails(0.15)) {
      const input = { type: "aggregation.failed", round, reason: "disk full" } as const;
      tell({ type: "run", jobId, input });
      return;
    }
    const input = {
      type: "round.aggregated",
      round,
      modelDigest: `m${round}`,
      stepBlob: `s${round}`,
      checkpointBlob: null,
      modelBlob: `b${round}`,
      heldOutLoss: 4,
      bytesDown: 1_020,
      rows: this.#rows(request),
    } as const;
    tell({ type: "run", jobId, input });
    if (this.#fails(0.1)) tell({ type: "run", jobId, input });
  }

  #rows(request: RoundClosing): readonly AggregateRow[] {
    const rows = request.contributions.map(({ contributionId, siteId }): AggregateRow => {
      const verdict = this.#fails(0.1) ? "gate-failed" : "passed";
      const numbers = { norm: 1, clipFactor: 1, lossBefore: 2, lossAfter: 2 };
      return { contributionId, siteId, ...numbers, verdict, reason: null };
    });
    return this.#fails(0.05) ? rows.slice(1) : rows;
  }

  /** People pause runs, and stop them early. */
  #meddle(jobId: string): void {
    const { pool, agenda, chance } = this.#place;
    const type = this.#fails(0.2) ? "pause" : this.#fails(0.1) ? "stop" : undefined;
    if (type === undefined) return;
    agenda.after(chance.next() * 2 * OPERATOR_MS, () => {
      pool.insist({ type: "run", jobId, input: { type } });
    });
  }

  #resumeLater(jobId: string): void {
    const { pool, agenda } = this.#place;
    agenda.after(OPERATOR_MS, () => {
      pool.insist({ type: "run", jobId, input: { type: "resume" } });
    });
  }

  #fails(share: number): boolean {
    return this.#place.faulty() && this.#place.chance.hits(share);
  }
}
