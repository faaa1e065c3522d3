// Who is entitled to run at once: the jobs that an owner's own machines would run now, if the owner
// were alone and served its jobs first come, first served. As long as all of them run somewhere, no
// job of an owner starts later than it would alone (docs/decisions/0011, restated for leases: what
// came earlier and has not ended is a part of what it would be alone, so it leaves as much room).
// Everything else that runs is borrowed. What is done for the entitled is own-turns.ts's business.
import type { Demand } from "../demand.ts";
import { leastJob } from "../gang/elastic.ts";
import type { Lenders } from "../lending.ts";
import { compareJobIds } from "../order/job-id.ts";
import type { RunningView, SchedulerInput, WaitingView } from "../types.ts";
import { deviceWeight, type World } from "../world.ts";
import { Capacity } from "./capacity.ts";

/** An owner: the projects that have the same sites for their own. */
export interface Owner {
  readonly sites: ReadonlySet<string>;
  /** Jobs that are entitled and wait, in their order. */
  readonly waiting: WaitingView[];
  /** Devices of its sites that others hold, less those that it holds elsewhere. */
  balance: number;
}

export interface Entitlement {
  readonly owners: readonly Owner[];
  /** Jobs that are entitled, waiting or not. */
  readonly jobIds: ReadonlySet<string>;
}

export interface EntitledInput {
  readonly input: SchedulerInput;
  readonly world: World;
  readonly lenders: Lenders;
  readonly demandOf: (job: WaitingView) => Demand;
  /** True for a job that may not start now whatever is free. */
  readonly isHeldBack: (job: WaitingView) => boolean;
}

/** A job in the order in which its owner's machines would serve it. */
interface Turn {
  readonly job: WaitingView;
  readonly waits: boolean;
}

/** Who is entitled. Costs what runs and is entitled, and not what waits. */
export function findEntitled(asked: EntitledInput): Entitlement {
  const { input, world, lenders } = asked;
  const owners = new Map<string, Owner>();
  const byProject = new Map<string, Owner | undefined>();
  const ownerOf = (project: string): Owner | undefined => {
    if (byProject.has(project)) return byProject.get(project);
    const sites = lenders.ownSites(project);
    const key = [...sites].sort().join(" ");
    const owner = owners.get(key) ?? { sites, waiting: [], balance: 0 };
    if (sites.size > 0) owners.set(key, owner);
    byProject.set(project, sites.size > 0 ? owner : undefined);
    return byProject.get(project);
  };
  const waiting = input.waiting.filter(({ eligible, spec }) => eligible && spec.run === undefined);
  const singles = Map.groupBy(waiting, ({ spec }) => ownerOf(spec.project));
  const lines = Map.groupBy(input.lines ?? [], ({ project }) => ownerOf(project));
  const running = Map.groupBy(input.running, ({ project }) => ownerOf(project));
  countBalances(input.running, ownerOf, owners);
  const jobIds = new Set<string>();
  for (const owner of owners.values()) {
    const runs = (running.get(owner) ?? []).flatMap(turnOf);
    const rows = new Rows([ordered(runs), ordered(waits(singles.get(owner)))], false);
    for (const line of lines.get(owner) ?? []) rows.add(turnsOf(line.jobs(), line.count), true);
    const room = new Capacity(world, owner.sites);
    for (let turn = rows.next(); turn !== undefined; turn = rows.next()) {
      const { job, waits: isWaiting } = turn;
      // What waits may start in its smallest form; what runs holds up to its largest.
      const demand = asked.demandOf(isWaiting ? leastJob(job) : job);
      const serves = demand.candidates.some(({ site }) => owner.sites.has(site.siteId));
      if (!serves || (isWaiting && asked.isHeldBack(job))) {
        // What its machines could never run, or may not now, is passed over with all its like.
        rows.drop();
        continue;
      }
      if (!room.take(demand)) break;
      jobIds.add(job.jobId);
      if (isWaiting) owner.waiting.push(job);
    }
  }
  return { owners: [...owners.values()], jobIds };
}

/** What each owner has lent, less what it holds elsewhere. */
function countBalances(
  running: readonly RunningView[],
  ownerOf: (project: string) => Owner | undefined,
  owners: ReadonlyMap<string, Owner>,
): void {
  for (const { siteId, project, placements, stopping } of running) {
    const devices = deviceWeight(placements);
    const holder = ownerOf(project);
    if (holder?.sites.has(siteId) === true) continue;
    if (holder !== undefined) holder.balance -= devices;
    if (stopping === true) continue;
    for (const owner of owners.values()) if (owner.sites.has(siteId)) owner.balance += devices;
  }
}

const turnOf = ({ jobId, spec, submittedAtMs }: RunningView): Turn[] => {
  if (spec === undefined) return [];
  const job = { jobId, spec, submittedAtMs, eligible: true };
  return [{ job, waits: false }];
};

const waits = (jobs: readonly WaitingView[] = []): Turn[] =>
  jobs.map((job) => ({ job, waits: true }));

const ordered = (turns: Turn[]): Iterator<Turn, undefined> => turns.sort(compareTurns).values();

function* turnsOf(
  jobs: Iterator<WaitingView, undefined>,
  count: number,
): Generator<Turn, undefined> {
  for (let left = count; left > 0; left -= 1) {
    const job = jobs.next().value;
    if (job === undefined) return;
    yield { job, waits: true };
  }
}

interface Row {
  head: Turn;
  readonly rest: Iterator<Turn, undefined>;
  /** True if all in it ask for the same. */
  readonly same: boolean;
}

/** The turns of some rows, each in order, as one row; each is read no further than is needed. */
class Rows {
  /** The one whose head is first in turn at the end. */
  readonly #rows: Row[] = [];
  #current: Row | undefined;

  constructor(rows: readonly Iterator<Turn, undefined>[], same: boolean) {
    for (const row of rows) this.add(row, same);
  }

  add(rest: Iterator<Turn, undefined>, same: boolean): void {
    const head = rest.next().value;
    if (head !== undefined) this.#insert({ head, rest, same });
  }

  next(): Turn | undefined {
    const before = this.#current;
    const head = before?.rest.next().value;
    if (before !== undefined && head !== undefined) this.#insert({ ...before, head });
    this.#current = this.#rows.pop();
    return this.#current?.head;
  }

  /** Leaves out what stands behind the last one and asks for the same. */
  drop(): void {
    if (this.#current?.same === true) this.#current = undefined;
  }

  #insert(row: Row): void {
    let [low, high] = [0, this.#rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareTurns(this.#rows[middle]!.head, row.head) > 0) low = middle + 1;
      else high = middle;
    }
    this.#rows.splice(low, 0, row);
  }
}

/** Priority, then the time of submission, then the id. */
const compareTurns = (a: Turn, b: Turn): number =>
  b.job.spec.priority - a.job.spec.priority ||
  a.job.submittedAtMs - b.job.submittedAtMs ||
  compareJobIds(a.job.jobId, b.job.jobId);
