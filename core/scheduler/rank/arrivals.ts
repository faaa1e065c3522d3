// What is asked for, learned from the jobs that arrive: the mix of tasks that the ranking expects
// of the future. Bounded, and the old counts less and less.
import type { JobSpec, Resources } from "../../pool/index.ts";
import { resourceKey } from "../demand.ts";

/** Tasks that are remembered; when there are more, each counts half as much as before. */
const TASKS_KEPT = 20_000;
/** Different requests that are remembered; of more the rarest are forgotten first. */
const REQUESTS_KEPT = 500;
/** Tasks after which the mix is believed: below, the next few would change it too much. */
const TASKS_NEEDED = 50;
/** What was computed from a mix is renewed when it has grown by this factor. */
const RENEWED_AT = 2;

/** A request with the number of tasks that asked for it; old ones count for less than 1. */
export interface Asked {
  readonly resources: Resources;
  count: number;
}

/** The mix of arrivals. The same jobs in the same order give the same mix. */
export class Arrivals {
  #asked = new Map<string, Asked>();
  #total = 0;
  #renewAt = TASKS_NEEDED;
  /** Grows when what was computed from the mix should be computed anew; 0: not known yet. */
  version = 0;
  /** The mix as it was when `version` grew last. */
  mix: readonly Asked[] = [];

  /** A job was accepted, or `jobs` equal ones were. */
  learn({ groups }: Pick<JobSpec, "groups">, jobs = 1): void {
    for (const { resources, count } of groups) {
      const tasks = Math.min(jobs * count, TASKS_KEPT);
      const key = resourceKey(resources);
      const asked = this.#asked.get(key);
      if (asked === undefined) this.#asked.set(key, { resources, count: tasks });
      else asked.count += tasks;
      this.#total += tasks;
    }
    if (this.#total > TASKS_KEPT) this.#fade();
    if (this.#total < this.#renewAt) return;
    this.#renewAt = this.#total * RENEWED_AT;
    this.#renew();
  }

  #fade(): void {
    const rows = [...this.#asked].sort(([, a], [, b]) => b.count - a.count);
    this.#asked = new Map(rows.slice(0, REQUESTS_KEPT));
    this.#total = 0;
    for (const asked of this.#asked.values()) {
      asked.count /= 2;
      this.#total += asked.count;
    }
    this.#renewAt = this.#total;
  }

  #renew(): void {
    this.version += 1;
    this.mix = [...this.#asked.values()].map((asked) => ({ ...asked }));
  }
}
