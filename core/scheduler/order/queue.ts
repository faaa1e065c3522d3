// The one order of the pool: priority, then fair share, then the time of submission, then the job
// id. Jobs come out one at a time, because every start changes who has used least. What asks for
// the same may come as a line, which is read only as far as it gets its turn: a pass over a
// million such jobs looks at few of them.
import type { WaitingLine, WaitingView } from "../types.ts";
import { compareJobIds } from "./job-id.ts";
import type { ShareTree } from "./share-tree.ts";

interface Line {
  head: WaitingView;
  /** Jobs that it may still give, the head included. */
  left: number;
  readonly rest: Iterator<WaitingView>;
  /** True if all its jobs ask for the same. */
  readonly same: boolean;
}

/** Lines of each project, the one whose head is first in turn at the end. */
type Level = Map<string, Line[]>;

export class JobQueue {
  readonly #tree: ShareTree;
  readonly #levels: Level[];
  #level: Level | undefined;
  #current: { readonly line: Line; readonly project: string } | undefined;

  /** `tree` says whose turn it is; the queue keeps its numbers of waiting jobs. */
  constructor(jobs: readonly WaitingView[], tree: ShareTree, lines: readonly WaitingLine[] = []) {
    this.#tree = tree;
    const levels = new Map<number, Level>();
    const add = (priority: number, project: string, line: Line | undefined): void => {
      if (line === undefined) return;
      const level = levels.get(priority) ?? new Map<string, Line[]>();
      levels.set(priority, level);
      const others = level.get(project) ?? [];
      level.set(project, others);
      others.push(line);
    };
    for (const [priority, level] of Map.groupBy(jobs, (job) => job.spec.priority)) {
      for (const [project, few] of Map.groupBy(level, (job) => job.spec.project)) {
        add(priority, project, lineOf(few.sort(compareJobs).values(), few.length, false));
      }
    }
    for (const { priority, project, count, jobs: all } of lines) {
      add(priority, project, lineOf(all(), count, true));
    }
    for (const level of levels.values()) {
      for (const some of level.values()) some.sort((a, b) => compareJobs(b.head, a.head));
    }
    this.#levels = [...levels].sort(([a], [b]) => b - a).map(([, level]) => level);
  }

  /** The next job in order, or undefined at the end. */
  next(): WaitingView | undefined {
    this.#putBack();
    let project = this.#level === undefined ? undefined : this.#tree.next();
    while (project === undefined) {
      this.#level = this.#levels.shift();
      if (this.#level === undefined) return undefined;
      for (const [name, lines] of this.#level) {
        const jobs = lines.reduce((sum, line) => sum + line.left, 0);
        this.#tree.changeWaiting(name, jobs);
      }
      project = this.#tree.next();
    }
    this.#tree.changeWaiting(project, -1);
    const line = this.#level?.get(project)?.pop();
    if (line === undefined) return undefined;
    this.#current = { line, project };
    return line.head;
  }

  /** Leaves out all that stand in line behind the last job and ask for the same as it. */
  dropLine(): void {
    if (this.#current?.line.same !== true) return;
    const { line, project } = this.#current;
    this.#tree.changeWaiting(project, 1 - line.left);
    this.#current = undefined;
  }

  /** The line of the last job takes its place again, by the job that is now its first. */
  #putBack(): void {
    if (this.#current === undefined) return;
    const { line, project } = this.#current;
    this.#current = undefined;
    line.left -= 1;
    const next = line.left === 0 ? undefined : line.rest.next().value;
    if (next === undefined) return;
    line.head = next;
    const lines = this.#level!.get(project)!;
    let [low, high] = [0, lines.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareJobs(lines[middle]!.head, next) > 0) low = middle + 1;
      else high = middle;
    }
    lines.splice(low, 0, line);
  }
}

function lineOf(rest: Iterator<WaitingView>, left: number, same: boolean): Line | undefined {
  const head: WaitingView | undefined = left === 0 ? undefined : rest.next().value;
  return head === undefined ? undefined : { head, left, rest, same };
}

/** Within one priority and project: the time of submission, then the id. */
const compareJobs = (a: WaitingView, b: WaitingView): number =>
  a.submittedAtMs - b.submittedAtMs || compareJobIds(a.jobId, b.jobId);
