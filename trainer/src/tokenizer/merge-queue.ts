/**
 * Pairs by count, the highest first, of equals the smaller key: a binary heap. Whether a count
 * still holds is the caller's to check; a changed one is pushed again.
 */

interface Counted {
  readonly key: number;
  readonly count: number;
}

const before = (a: Counted, b: Counted): boolean =>
  a.count > b.count || (a.count === b.count && a.key < b.key);

export class MergeQueue {
  readonly #heap: Counted[] = [];

  push(key: number, count: number): void {
    const heap = this.#heap;
    const pushed = { key, count };
    let at = heap.length;
    heap.push(pushed);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(pushed, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = pushed;
  }

  /** The first pair, taken out; undefined when none is left. */
  pop(): Counted | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
