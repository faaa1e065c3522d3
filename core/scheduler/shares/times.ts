// Numbered things by time, earliest first: a binary heap that knows where each thing stands, so
// that one can be taken out early. Equal times are told apart by the lower number.

export class Times {
  readonly #heap: number[] = [];
  readonly #at: number[] = [];
  readonly #timeS: number[] = [];

  /** The earliest time; Infinity if there is nothing. */
  get nextS(): number {
    return this.#heap.length === 0 ? Infinity : this.#timeS[this.#heap[0]!]!;
  }

  /** Adds a thing that is not in yet. */
  push(id: number, timeS: number): void {
    while (this.#at.length <= id) {
      this.#at.push(-1);
      this.#timeS.push(0);
    }
    this.#timeS[id] = timeS;
    this.#heap.push(id);
    this.#up(id, this.#heap.length - 1);
  }

  /** Takes the earliest out. There must be one. */
  pop(): number {
    const id = this.#heap[0]!;
    this.drop(id);
    return id;
  }

  /** Takes a thing out, if it is in. */
  drop(id: number): void {
    const at = this.#at[id] ?? -1;
    if (at < 0) return;
    this.#at[id] = -1;
    const last = this.#heap.pop()!;
    if (last === id) return;
    this.#up(last, at);
    this.#down(last, this.#at[last]!);
  }

  #before(a: number, b: number): boolean {
    const [left, right] = [this.#timeS[a]!, this.#timeS[b]!];
    return left < right || (left === right && a < b);
  }

  #up(id: number, from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const other = this.#heap[parent]!;
      if (!this.#before(id, other)) break;
      this.#place(other, at);
      at = parent;
    }
    this.#place(id, at);
  }

  #down(id: number, from: number): void {
    let at = from;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= this.#heap.length) break;
      const right = child + 1;
      if (right < this.#heap.length && this.#before(this.#heap[right]!, this.#heap[child]!)) {
        child = right;
      }
      const other = this.#heap[child]!;
      if (!this.#before(other, id)) break;
      this.#place(other, at);
      at = child;
    }
    this.#place(id, at);
  }

  #place(id: number, at: number): void {
    this.#heap[at] = id;
    this.#at[id] = at;
  }
}
