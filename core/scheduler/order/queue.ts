// The one order of the pool: priority, then fair share, then the time of submission, then the job
// id. Jobs come out one at a time, because every start changes who has used least.
import type { WaitingView } from "../types.ts";
import { compareJobIds } from "./job-id.ts";
import type { ShareTree } from "./share-tree.ts";

interface Level {
  readonly priority: number;
  /** Jobs of each project, the last one first in turn. */
  readonly lines: ReadonlyMap<string, WaitingView[]>;
}

export class JobQueue {
  readonly #tree: ShareTree;
  readonly #levels: Level[];
  #level: Level | undefined;

  /** `tree` says whose turn it is; the queue keeps its numbers of waiting jobs. */
  constructor(jobs: readonly WaitingView[], tree: ShareTree) {
    this.#tree = tree;
    const sorted = [...jobs].sort(
      (a, b) =>
        b.spec.priority - a.spec.priority ||
        a.submittedAtMs - b.submittedAtMs ||
        compareJobIds(a.jobId, b.jobId),
    );
    this.#levels = [...Map.groupBy(sorted, (job) => job.spec.priority)].map(
      ([priority, level]) => ({
        priority,
        lines: new Map(
          [...Map.groupBy(level, (job) => job.spec.project)].map(([project, line]) => [
            project,
            line.reverse(),
          ]),
        ),
      }),
    );
  }

  /** The next job in order, or undefined at the end. */
  next(): WaitingView | undefined {
    let project = this.#level === undefined ? undefined : this.#tree.next();
    while (project === undefined) {
      this.#level = this.#levels.shift();
      if (this.#level === undefined) return undefined;
      for (const [name, line] of this.#level.lines) this.#tree.changeWaiting(name, line.length);
      project = this.#tree.next();
    }
    this.#tree.changeWaiting(project, -1);
    return this.#level?.lines.get(project)?.pop();
  }
}
