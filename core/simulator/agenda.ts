// Virtual time: what happens next, in order. Equal times keep the order in which they were set.

interface Entry {
  readonly atMs: number;
  readonly order: number;
  readonly act: () => void;
}

/** A queue of things to do at a virtual time; a binary heap. */
export class Agenda {
  nowMs: number;
  readonly #heap: Entry[] = [];
  #order = 0;

  constructor(startMs: number) {
    this.nowMs = startMs;
  }

  /** Does `act` after `delayMs` of virtual time. */
  after(delayMs: number, act: () => void): void {
    const entry = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order, act };
    this.#order += 1;
    this.#heap.push(entry);
    let at = this.#heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!earlier(this.#heap[at]!, this.#heap[parent]!)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** Does the next thing; false when there is none, or none before `untilMs`. */
  advance(untilMs: number): boolean {
    const first = this.#heap[0];
    if (first === undefined || first.atMs > untilMs) return false;
    const last = this.#heap.pop()!;
    if (this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#sink();
    }
    this.nowMs = first.atMs;
    first.act();
    return true;
  }

  #sink(): void {
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= this.#heap.length) return;
      const right = left + 1;
      const child =
        right < this.#heap.length && earlier(this.#heap[right]!, this.#heap[left]!) ? right : left;
      if (!earlier(this.#heap[child]!, this.#heap[at]!)) return;
      this.#swap(at, child);
      at = child;
    }
  }

  #swap(a: number, b: number): void {
    const kept = this.#heap[a]!;
    this.#heap[a] = this.#heap[b]!;
    this.#heap[b] = kept;
  }
}

const earlier = (a: Entry, b: Entry): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
