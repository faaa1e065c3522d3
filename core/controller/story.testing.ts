// A pool for the controller's tests, told input by input: short words for what happens often, and
// a check after every input that the journal alone leads to the same state. For tests only.
import assert from "node:assert/strict";
import type { ContributionHour, Entry } from "../ledger/index.ts";
import type { JobSpec, LeaseEnd, Node, Resources } from "../pool/index.ts";
import {
  type ArchivedJob,
  apply,
  archivedJob,
  closable,
  type Event,
  emptyState,
  encodeState,
  type Input,
  type JobState,
  type KeepPolicy,
  type LeaseReportKind,
  type LeaseState,
  leaving,
  type RunInput,
  type StepResult,
  step,
  unsettled,
} from "./index.ts";

type Untimed<T> = T extends { readonly atMs: number } ? Omit<T, "atMs"> : never;
export type StoryInput = Untimed<Input>;

/** A node with so many H100 and 8 cores. */
export function node(name: string, gpus: number): Node {
  const accelerators = Array.from({ length: gpus }, (_, i) => ({
    id: `gpu${i}`,
    kind: "gpu" as const,
    vendor: "NVIDIA",
    model: "H100 SXM5 80GB",
    memoryMiB: 81_920,
  }));
  const size = { milliCpu: 8_000, memoryMiB: 65_536 };
  return { name, os: "linux", arch: "x64", ...size, accelerators, labels: {} };
}

export type SpecChange = Partial<Omit<JobSpec, "groups">> & {
  readonly count?: number;
  readonly resources?: Partial<Resources>;
  readonly env?: Readonly<Record<string, string>>;
};

/** One task with one accelerator for ten minutes. */
export function spec(change: SpecChange = {}): JobSpec {
  const { count = 1, resources, env = {}, ...rest } = change;
  const needs = { accelerators: 1, milliCpu: 500, memoryMiB: 512, ...resources };
  return {
    name: "job",
    project: "default",
    user: "ana",
    priority: 100,
    preemptible: false,
    walltimeMs: 600_000,
    groups: [{ name: "main", count, command: ["work"], env, resources: needs }],
    constraints: { members: [], excludeMembers: [], labels: {} },
    dependencies: [],
    requeue: true,
    ...rest,
  };
}

/** A run of two rounds without warm-up. */
export const runSpec = (change: SpecChange = {}): JobSpec =>
  spec({
    run: {
      model: { vocab: 256, context: 16, width: 16, layers: 1, heads: 1 },
      corpus: "sotu",
      seed: 1,
      stop: { rounds: 2 },
      innerSteps: 10,
      referenceBatch: 8,
      maxBatch: 16,
      learningRate: 0.003,
      warmUpSteps: 0,
    },
    walltimeMs: 7_200_000,
    ...change,
  });

/** The report of tasks that ended by themselves. */
export const itself = (exitCode: number, ranMs = 1_000): LeaseReportKind =>
  ended("itself", ranMs, exitCode);

/** The report of tasks that were ended, and by what. */
export const ended = (
  endedBy: Extract<LeaseReportKind, { kind: "ended" }>["endedBy"],
  ranMs = 1_000,
  exitCode: number | null = null,
): LeaseReportKind => ({ kind: "ended", exitCode, signal: null, ranMs, endedBy, message: "" });

export class Story {
  readonly state = emptyState();
  readonly journal: { readonly atMs: number; readonly text: string }[] = [];
  /** What has left the state. */
  readonly past: {
    readonly rows: ArchivedJob[];
    readonly entries: Entry[];
    readonly hours: ContributionHour[];
  } = { rows: [], entries: [], hours: [] };
  atMs = 1_000_000;
  /** Events of the last input. */
  events: readonly Event[] = [];
  wantsSchedule = false;

  /** A pool whose members m0, m1, ... have one site s0, s1, ... with so many accelerators. */
  constructor(...gpus: readonly number[]) {
    this.ok({ type: "createPool", poolId: "p1", name: "pool" });
    for (const [i, count] of gpus.entries()) this.site(`m${i}`, `s${i}`, [node("n", count)]);
  }

  /** Takes an input and answers with the whole result. */
  give(input: StoryInput): StepResult {
    const result = step(this.state, { ...input, atMs: this.atMs } as Input);
    this.events = result.events;
    this.wantsSchedule = result.wantsSchedule;
    for (const event of result.events) {
      this.journal.push({ atMs: this.state.nowMs, text: JSON.stringify(event) });
    }
    return result;
  }

  /** Takes an input that must be accepted; answers with its value. */
  ok(input: StoryInput): unknown {
    const { outcome } = this.give(input);
    assert.ok(outcome.ok, `${input.type}: ${outcome.ok ? "" : outcome.message}`);
    return outcome.value;
  }

  /** Takes an input that must be refused with a message and a hint, and change nothing. */
  refused(input: StoryInput): string {
    const before = encodeState(this.state);
    const { outcome, events } = this.give(input);
    assert.ok(!outcome.ok, `${input.type} is refused`);
    assert.ok(outcome.message.length > 0 && outcome.hint.length > 0, "a refusal helps");
    assert.deepEqual(events, []);
    assert.equal(encodeState(this.state), before);
    return outcome.code;
  }

  site(member: string, siteId: string, nodes: readonly Node[], engine = "local"): void {
    this.ok({ type: "inviteMember", name: member, secretHash: `h-${siteId}` });
    const key = { secretHash: `h-${siteId}`, publicKey: `k-${siteId}` };
    this.ok({ type: "joinSite", siteId, engine, ...key });
    this.ok({ type: "siteHere", siteId, agentVersion: "1" });
    this.ok({ type: "inventory", siteId, nodes });
  }

  /** Submits a job and, unless told otherwise, lets it start. Answers with its id. */
  submit(job: JobSpec = spec(), schedule = true): string {
    const value = this.ok({ type: "submit", spec: job, array: null, key: null });
    if (schedule) this.ok({ type: "schedule" });
    return (value as { jobId: string }).jobId;
  }

  /** Time passes; sites that are named speak all the while. */
  pass(ms: number, ...speaking: readonly string[]): void {
    const endMs = this.atMs + ms;
    while (this.atMs < endMs) {
      this.atMs = Math.min(endMs, this.atMs + 1_000);
      for (const siteId of speaking) this.ok({ type: "heartbeat", siteId });
      this.ok({ type: "tick" });
    }
  }

  report(leaseId: string, report: LeaseReportKind): unknown {
    const { siteId, fence } = this.lease(leaseId).lease;
    return this.ok({ type: "report", siteId, leaseId, fence, report });
  }

  /** The newest lease of a job starts to run; answers with its id. */
  runs(jobId: string): string {
    const leaseId = this.newest(jobId).lease.leaseId;
    this.report(leaseId, { kind: "running" });
    return leaseId;
  }

  /** The newest lease of a job ends; the queue is looked at again. */
  ends(jobId: string, how: LeaseReportKind): void {
    this.report(this.newest(jobId).lease.leaseId, how);
    this.ok({ type: "schedule" });
  }

  job(jobId: string): JobState {
    const job = this.state.jobs.get(jobId);
    assert.ok(job !== undefined, `job ${jobId} is there`);
    return job;
  }

  lease(leaseId: string): LeaseState {
    const lease = this.state.leases.get(leaseId);
    assert.ok(lease !== undefined, `lease ${leaseId} is there`);
    return lease;
  }

  newest(jobId: string): LeaseState {
    return this.lease(this.job(jobId).leaseIds.at(-1) ?? "none");
  }

  endOf(leaseId: string): LeaseEnd {
    const { end } = this.lease(leaseId);
    assert.ok(end !== null, `lease ${leaseId} has ended`);
    return end;
  }

  run(jobId: string, input: RunInput): unknown {
    return this.ok({ type: "run", jobId, input });
  }

  /** Lets what is due leave, months included; answers whether anything was. */
  archive(keep: KeepPolicy): boolean {
    const due = leaving(this.state, this.atMs, keep);
    if (due !== undefined) {
      const { batch, jobs, entries, hours } = due;
      // As text, like an archive: what happens later must not change it.
      const rows = jobs.map((job) => archivedJob(this.state, job));
      const kept = JSON.parse(JSON.stringify({ rows, entries, hours })) as typeof this.past;
      const sizes = { batch, entries: entries.length, hours: hours.length, digest: `d${batch}` };
      const ids = jobs.map((job) => ({
        jobId: job.jobId,
        unsettled: unsettled(this.state, job),
      }));
      this.ok({ type: "archive", ...sizes, jobs: ids });
      this.past.rows.push(...kept.rows);
      this.past.entries.push(...kept.entries);
      this.past.hours.push(...kept.hours);
    }
    const months = closable(this.state, this.atMs);
    for (const period of months) this.ok({ type: "closeBooks", period, digest: `m${period}` });
    return due !== undefined || months.length > 0;
  }

  /** The journal, read back as text and folded, gives the very bytes of the state. */
  check(): void {
    const folded = emptyState();
    for (const { atMs, text } of this.journal) apply(folded, JSON.parse(text) as Event, atMs);
    assert.equal(encodeState(folded), encodeState(this.state));
  }
}
