// What must hold in every world: watched while it runs, and checked when it has come to rest. A
// checker throws with the rule that was broken; the caller adds the seed that repeats it.
import { dependencyState, type Event, type State } from "../controller/index.ts";
import { statement } from "../ledger/index.ts";
import { assert, WHOLE_MILLI } from "../pool/index.ts";
import type { Held } from "./site.ts";

/** What really runs in the world, whatever the pool believes. */
export class RealityChecker {
  readonly #jobs = new Map<string, string>();
  readonly #accelerators = new Map<string, string>();
  /** Milliseconds that tasks really ran, by lease, on the site's own clock. */
  readonly ranMs = new Map<string, number>();

  onRun(siteId: string, held: Held): void {
    const work = workOf(siteId, held);
    const other = this.#jobs.get(work);
    assert(other === undefined, `job ${work} runs once at a time (${other})`);
    this.#jobs.set(work, held.leaseId);
    for (const id of held.accelerators) {
      const holder = this.#accelerators.get(id);
      assert(holder === undefined, `accelerator ${id} runs one lease at a time (${holder})`);
      this.#accelerators.set(id, held.leaseId);
    }
  }

  onEnd(siteId: string, held: Held, ranMs: number): void {
    this.#jobs.delete(workOf(siteId, held));
    for (const id of held.accelerators) this.#accelerators.delete(id);
    this.ranMs.set(held.leaseId, ranMs);
  }
}

/** What may run once at a time: a job, or a run at one site. */
const workOf = (siteId: string, { jobId, worker }: Held): string =>
  worker === undefined ? jobId : `${jobId} at ${siteId}`;

/** Rules about single events, in the state that they led to. */
export function checkEvent(state: State, event: Event): void {
  if (event.type !== "lease.granted") return;
  const { lease } = event;
  assert(lease.reason.length > 0, "no lease without its reason");
  const job = state.jobs.get(lease.jobId)!;
  for (const dependency of job.spec.dependencies) {
    assert(dependencyState(state, dependency) === "satisfied", "dependencies are respected");
  }
  const taken = new Map<string, number>();
  for (const other of state.leases.values()) {
    if (other.stage === "ended" || other.lease.siteId !== lease.siteId) continue;
    for (const { node, acceleratorIds, partMilli = WHOLE_MILLI } of other.lease.placements) {
      for (const id of acceleratorIds) {
        const milli = (taken.get(`${node}/${id}`) ?? 0) + partMilli;
        assert(milli <= WHOLE_MILLI, `accelerator ${node}/${id} is leased once at a time`);
        taken.set(`${node}/${id}`, milli);
      }
    }
  }
}

/** Rules about the books: leases, ledger and statements tell one story, to the millisecond. */
export function checkBooks(state: State, ranMs: ReadonlyMap<string, number>): void {
  let leased = 0;
  for (const { lease, end, estimated } of state.leases.values()) {
    if (end === null) continue;
    leased += end.usage.deviceMs;
    const really = ranMs.get(lease.leaseId);
    if (estimated || really === undefined) continue;
    assert(end.usage.ranMs === really, `lease ${lease.leaseId} is booked as it really ran`);
  }
  const whole = statement(state.ledger);
  assert(whole.totals.deviceMs === leased, "leases and ledger hold the same device time");
  const sumOver = (names: Iterable<string>, by: "member" | "project"): number => {
    let sum = 0;
    for (const name of names) sum += statement(state.ledger, { [by]: name }).totals.deviceMs;
    return sum;
  };
  assert(sumOver(state.members.keys(), "member") === leased, "members' statements sum up");
  assert(sumOver(state.projects.keys(), "project") === leased, "projects' statements sum up");
}

/** Once faults have stopped and time has passed, every accepted job has reached an end. */
export function checkRest(state: State): void {
  for (const job of state.jobs.values()) {
    assert(job.stage === "ended", `job ${job.jobId} reaches an end (it is ${job.stage})`);
  }
  for (const lease of state.leases.values()) {
    assert(lease.stage === "ended", `lease ${lease.lease.leaseId} reaches an end`);
  }
  assert(state.queue.size === 0, "the queue is empty at the end");
}
