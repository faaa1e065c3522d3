// The one order of the pool: the class of priority, then fair share, then near deadlines, the time
// of submission and the job id (rules.ts). Jobs come out one at a time, because every start changes
// who has used least. What asks for the same may come as a line, which is read only as far as it
// gets its turn: a pass over a million such jobs looks at few of them.
import { demandKey } from "../demand.ts";
import type { WaitingLine, WaitingView } from "../types.ts";
import { classOf, compareDeadlines, compareOrdered, type OrderRules, TIMELESS } from "./rules.ts";
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
interface Level {
  readonly priority: number;
  readonly lines: Map<string, Line[]>;
}

export class JobQueue {
  readonly #tree: ShareTree;
  readonly #rules: OrderRules;
  /** Priorities that somebody asked for, ascending. */
  readonly #asked: readonly number[];
  /** The highest first; those that are over have left. */
  readonly #levels: Level[];
  #level: Level | undefined;
  #current: { readonly line: Line; readonly project: string } | undefined;

  /** `tree` says whose turn it is; the queue keeps its numbers of waiting jobs. */
  constructor(
    jobs: readonly WaitingView[],
    tree: ShareTree,
    lines: readonly WaitingLine[] = [],
    rules: OrderRules = TIMELESS,
  ) {
    this.#tree = tree;
    this.#rules = rules;
    const asked = new Set<number>();
    for (const { spec } of jobs) asked.add(spec.priority);
    for (const { priority } of lines) asked.add(priority);
    this.#asked = [...asked].sort((a, b) => a - b);
    const levels = this.#asked.map((priority): Level => ({ priority, lines: new Map() }));
    const byPriority = new Map(levels.map((level) => [level.priority, level]));
    const add = (line: Line | undefined): void => {
      if (line === undefined) return;
      const { lines: all } = byPriority.get(this.#classOf(line))!;
      const { project } = line.head.spec;
      const others = all.get(project) ?? [];
      all.set(project, others);
      others.push(line);
    };
    for (const few of this.#inRows(jobs)) add(lineOf(few.values(), few.length, false));
    for (const { count, jobs: all } of lines) add(lineOf(all(), count, true));
    for (const level of levels) {
      for (const some of level.lines.values()) {
        some.sort((a, b) => compareOrdered(b.head, a.head, rules));
      }
    }
    this.#levels = levels.reverse();
  }

  /** Single jobs of one class and project in their order; those with deadlines by request. */
  #inRows(jobs: readonly WaitingView[]): WaitingView[][] {
    const rules = this.#rules;
    const rows = Map.groupBy(jobs, ({ spec, submittedAtMs }) => {
      const reached = classOf(spec.priority, submittedAtMs, this.#asked, rules);
      const { project, walltimeMs, preemptible, deadline } = spec;
      if (deadline === undefined) return `${reached} ${project}`;
      return `${reached} ${project} ${walltimeMs} ${preemptible} ${demandKey(spec)}`;
    });
    for (const row of rows.values()) {
      if (row[0]!.spec.deadline === undefined) row.sort((a, b) => compareOrdered(a, b, rules));
      else row.sort(compareDeadlines);
    }
    return [...rows.values()];
  }

  #classOf({ head: { spec, submittedAtMs } }: Line): number {
    return classOf(spec.priority, submittedAtMs, this.#asked, this.#rules);
  }

  /** The next job in order, or undefined at the end. */
  next(): WaitingView | undefined {
    this.#putBack();
    let project = this.#level === undefined ? undefined : this.#tree.next();
    while (project === undefined) {
      this.#level = this.#levels.shift();
      if (this.#level === undefined) return undefined;
      for (const [name, lines] of this.#level.lines) {
        const jobs = lines.reduce((sum, line) => sum + line.left, 0);
        this.#tree.changeWaiting(name, jobs);
      }
      project = this.#tree.next();
    }
    this.#tree.changeWaiting(project, -1);
    const line = this.#level?.lines.get(project)?.pop();
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
    const here = this.#level!;
    const reached = this.#classOf(line);
    // The next one may have waited less, and then its class comes later.
    const level =
      reached < here.priority ? this.#levels.find((one) => one.priority === reached)! : here;
    if (level !== here) this.#tree.changeWaiting(project, -line.left);
    const lines = level.lines.get(project) ?? [];
    level.lines.set(project, lines);
    let [low, high] = [0, lines.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareOrdered(lines[middle]!.head, next, this.#rules) > 0) low = middle + 1;
      else high = middle;
    }
    lines.splice(low, 0, line);
  }
}

function lineOf(rest: Iterator<WaitingView>, left: number, same: boolean): Line | undefined {
  const head: WaitingView | undefined = left === 0 ? undefined : rest.next().value;
  return head === undefined ? undefined : { head, left, rest, same };
}
