// How jobs may overtake in one pass. With `easy` the first blocked job of each site gets a
// reservation, with `conservative` every blocked job that is looked at, with `none` nobody passes
// a blocked job on its sites. What is known of run times lets more jobs pass than time limits do;
// a job that is passed on an estimate starts at most BACKFILL.SLACK_MS later than limits promise.
import { type BackfillMode, type BackfillPass, type JobSpec, LIMITS } from "../../pool/index.ts";
import type { Demand } from "../demand.ts";
import { EARLY, type RunTimes } from "../estimates/run-times.ts";
import type { CountedRun } from "../estimates/starts.ts";
import type { Fit } from "../gang/fit.ts";
import { acceptsRecall } from "../lending.ts";
import type { RunningView } from "../types.ts";
import type { Holding, NodeState, World } from "../world.ts";
import { BACKFILL } from "./bounds.ts";
import { isClear, type Stay } from "./holds.ts";
import { type Forecast, forecast, type Question, reserve } from "./reserve.ts";

export interface BackfillOptions {
  readonly mode: BackfillMode;
  readonly slackMs?: number;
}

/** A blocked job, and where it may go. */
export interface Blocked {
  readonly jobId: string;
  readonly spec: JobSpec;
  readonly demand: Demand;
  readonly excluded: Question["excluded"];
  readonly lastStartMs: (siteId: string) => number;
}

export class Backfill {
  readonly #world: World;
  readonly #times: RunTimes;
  readonly #mode: BackfillMode;
  readonly #slackMs: number;
  /** Leases that were let in before a job on an estimate, by that job. */
  readonly #passed = new Map<string, BackfillPass[]>();
  readonly #ends = new Map<RunningView, number>();

  constructor(world: World, times: RunTimes, { mode, slackMs }: BackfillOptions) {
    this.#world = world;
    this.#times = times;
    this.#mode = mode;
    this.#slackMs = slackMs ?? BACKFILL.SLACK_MS;
    for (const { holdings } of world.sites) {
      for (const { lease } of holdings) {
        if (lease?.backfill === undefined) continue;
        const { jobId } = lease.backfill;
        this.#passed.set(jobId, [...(this.#passed.get(jobId) ?? []), lease.backfill]);
      }
    }
  }

  /** True if every blocked job gets a reservation, not only the first of a site. */
  get reservesAll(): boolean {
    return this.#mode === "conservative";
  }

  /** How long the job would stay if it started at `fromMs`. */
  stayOf(spec: JobSpec, fromMs: number): Stay {
    const endsAtMs = fromMs + spec.walltimeMs;
    const expectedMs = this.#times.empty ? endsAtMs : fromMs + this.#times.lateMs(spec);
    const whose = { project: spec.project, user: spec.user };
    const stay = { endsAtMs, expectedMs, ...whose };
    if (!acceptsRecall(spec)) return stay;
    return { ...stay, yieldsFromMs: fromMs + LIMITS.OFFER_STAY_MIN_MS };
  }

  /** When the blocked job should start; keeps its place if the mode says so. */
  promise(job: Blocked): number | undefined {
    const expected = this.#times.empty ? undefined : this.#ask(job, this.expectedEnd);
    const limit = this.#ask(job);
    const found = expected ?? limit;
    if (found === undefined || limit === undefined) return undefined;
    if (this.#mode === "none") this.#close(job);
    else if (this.reservesAll || this.#isFree(found, limit)) {
      this.#reserve(job, expected, limit);
    }
    return found.startMs;
  }

  /** When a blocked job should start beside the reservations there are, without keeping it. */
  expectedStartMs(job: Blocked): number | undefined {
    return this.#ask(job, this.#times.empty ? undefined : this.expectedEnd)?.startMs;
  }

  /** When a blocked job fits at the earliest, if all that runs is over early. */
  earliestStartMs(job: Blocked): number | undefined {
    return this.#ask(job, ({ lease, spec = lease?.spec, stopping, endsAtMs }) => {
      if (stopping || spec === undefined) return endsAtMs;
      const { nowMs } = this.#world;
      const startedAtMs = lease?.startedAtMs ?? nowMs;
      const earlyMs = this.#times.quantile(spec, EARLY, Math.max(0, nowMs - startedAtMs));
      return Math.min(endsAtMs, Math.max(nowMs, startedAtMs + earlyMs));
    })?.startMs;
  }

  /** Free devices that operators keep from a job, like leases that end with their windows. */
  keptFrom(spec: JobSpec, nodes: readonly NodeState[]): readonly CountedRun[] {
    const startedAtMs = this.#world.nowMs;
    const stay = this.stayOf(spec, startedAtMs);
    return nodes.flatMap(({ holds = [], room }) =>
      holds.flatMap(({ reservation, devices: kept }) => {
        if (reservation.reserved === undefined || isClear(reservation, stay)) return [];
        const devices = kept.reduce((sum, held, i) => sum + held * room.devices[i]!, 0);
        return devices === 0 ? [] : [{ devices, startedAtMs, endsAtMs: reservation.endMs }];
      }),
    );
  }

  /** When what holds resources should be over: nine times in ten it is. */
  readonly expectedEnd = (holding: Holding): number => {
    const { lease, endsAtMs, stopping } = holding;
    if (lease === undefined) return Math.min(endsAtMs, holding.expectedMs ?? endsAtMs);
    const { spec, startedAtMs } = lease;
    if (stopping || spec === undefined) return endsAtMs;
    const known = this.#ends.get(lease);
    if (known !== undefined) return known;
    const { nowMs } = this.#world;
    const lateMs = startedAtMs + this.#times.lateMs(spec, Math.max(0, nowMs - startedAtMs));
    const endMs = Math.min(endsAtMs, Math.max(nowMs, lateMs));
    this.#ends.set(lease, endMs);
    return endMs;
  };

  /** The mark of a lease that passes a reserved job because of an estimate; most do not. */
  passOf(fit: Fit, stay: Stay): BackfillPass | undefined {
    for (const { node } of fit.places) {
      for (const { reservation } of node.holds ?? []) {
        const { against, jobId, promisedMs, startMs } = reservation;
        if (against !== "limit" || jobId === undefined) continue;
        if (stay.endsAtMs <= promisedMs || stay.endsAtMs > startMs) continue;
        return { jobId, expectedMs: stay.expectedMs, promisedMs };
      }
    }
    return undefined;
  }

  #ask(job: Blocked, endOf?: (holding: Holding) => number): Forecast | undefined {
    const { jobId, demand, excluded, lastStartMs, spec } = job;
    const stayFrom = (startMs: number): Stay => ({ ...this.stayOf(spec, startMs), jobId });
    const question = { demand, excluded, lastStartMs, stayFrom };
    return forecast(endOf === undefined ? question : { ...question, endOf });
  }

  /** True if no other job has a reservation on the sites. */
  #isFree(...found: readonly Forecast[]): boolean {
    return found.every(({ fit }) =>
      fit.site.reservations.every((reservation) => reservation.jobId === undefined),
    );
  }

  #close({ jobId, demand, excluded }: Blocked): void {
    for (const { site } of demand.candidates) {
      if (!excluded.has(site.siteId)) site.closedFor ??= jobId;
    }
  }

  #reserve(job: Blocked, expected: Forecast | undefined, limit: Forecast): void {
    const { jobId, spec } = job;
    const base = { keeper: `job ${jobId}`, jobId };
    const passed = this.#passed.get(jobId) ?? [];
    const overruns = passed.filter(({ expectedMs }) => expectedMs < this.#world.nowMs).length;
    const trusts = expected !== undefined && overruns <= BACKFILL.OVERRUNS_MAX;
    // What was promised first stays the measure while leases run that were let in before it.
    const promisedMs = Math.min(limit.startMs, ...passed.map((pass) => pass.promisedMs));
    const startMs = trusts ? Math.max(limit.startMs, promisedMs + this.#slackMs) : limit.startMs;
    const endMs = startMs + spec.walltimeMs;
    reserve({ ...base, startMs, endMs, against: "limit", promisedMs }, limit);
    if (!trusts) return;
    const from = expected.startMs;
    const times = { startMs: from, endMs: from + spec.walltimeMs, promisedMs: from };
    reserve({ ...base, ...times, against: "expected" }, expected);
  }
}
