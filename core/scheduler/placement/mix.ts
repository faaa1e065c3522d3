// The mix of requests that a placement policy believes in: either learned from the arrivals so
// far, or known beforehand from a list of what will come.
import type { KnownRequest, RequestTable } from "./requests.ts";

/** How often each request arrived. */
export class Mix {
  readonly #requests: RequestTable;
  #counts: number[] = [];
  total = 0;

  constructor(requests: RequestTable) {
    this.#requests = requests;
  }

  add(request: KnownRequest, times = 1): void {
    this.#counts[request.id] = this.count(request.id) + times;
    this.total += times;
  }

  count(id: number): number {
    return this.#counts[id] ?? 0;
  }

  /** All requests that arrived, with their counts, in the order in which they became known. */
  rows(): readonly (readonly [request: KnownRequest, count: number])[] {
    const rows: (readonly [KnownRequest, number])[] = [];
    for (const request of this.#requests.all) {
      const count = this.count(request.id);
      if (count > 0) rows.push([request, count]);
    }
    return rows;
  }
}

/** Arrivals after which a learned mix is first used: below, one more changes it too much. */
const FIRST_LEARNED = 50;
/** What was computed from a mix is thrown away when it has grown by this factor: a mix of so many
 * more arrivals is another one, and the cost of all renewals stays a small part of the whole. */
const RENEWED_AT = 2.5;

/** Says when the mix has changed so much that what was computed from it is to be renewed. */
export class Renewal {
  #next = FIRST_LEARNED;

  due(total: number): boolean {
    if (total < this.#next) return false;
    this.#next = Math.ceil(total * RENEWED_AT);
    return true;
  }
}
