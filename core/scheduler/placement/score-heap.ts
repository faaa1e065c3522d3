// The groups of one kind of node for one request, the best first. An entry is either a score, or
// only a ceiling that stands for it until it comes to the top; and it may be out of date, which
// whoever takes it sees by its version.

export interface Entry {
  /** Score, or the ceiling of one. */
  key: number;
  rank: number;
  group: number;
  version: number;
  /** The key is the score itself. */
  exact: boolean;
}

const FIRST_ROWS = 16;
const FIELDS = 4;

/** A binary heap in flat arrays: highest key first, then lowest rank. */
export class ScoreHeap {
  size = 0;
  #keys = new Float64Array(FIRST_ROWS);
  /** Rank, group, version and exactness of each entry. */
  #rest = new Int32Array(FIRST_ROWS * FIELDS);

  clear(): void {
    this.size = 0;
  }

  /** Highest key; -Infinity if empty. */
  topKey(): number {
    return this.size === 0 ? -Infinity : this.#keys[0]!;
  }

  /** Copies the best entry into `entry`. */
  top(entry: Entry): void {
    entry.key = this.#keys[0]!;
    entry.rank = this.#rest[0]!;
    entry.group = this.#rest[1]!;
    entry.version = this.#rest[2]!;
    entry.exact = this.#rest[3] === 1;
  }

  push({ key, rank, group, version, exact }: Entry): void {
    if (this.size === this.#keys.length) this.#grow();
    let at = this.size;
    this.size += 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!this.#isBetter(key, rank, above)) break;
      this.#copy(above, at);
      at = above;
    }
    this.#keys[at] = key;
    const rest = this.#rest;
    rest[at * FIELDS] = rank;
    rest[at * FIELDS + 1] = group;
    rest[at * FIELDS + 2] = version;
    rest[at * FIELDS + 3] = exact ? 1 : 0;
  }

  pop(): void {
    this.size -= 1;
    const last = this.size;
    if (last === 0) return;
    const key = this.#keys[last]!;
    const rank = this.#rest[last * FIELDS]!;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= last) break;
      const right = below + 1;
      if (right < last && this.#isBetter(this.#keys[right]!, this.#rest[right * FIELDS]!, below)) {
        below = right;
      }
      if (!this.#isBetter(this.#keys[below]!, this.#rest[below * FIELDS]!, last, key, rank)) break;
      this.#copy(below, at);
      at = below;
    }
    this.#copy(last, at);
  }

  #isBetter(
    key: number,
    rank: number,
    than: number,
    thanKey = this.#keys[than]!,
    thanRank = this.#rest[than * FIELDS]!,
  ): boolean {
    return key > thanKey || (key === thanKey && rank < thanRank);
  }

  #copy(from: number, to: number): void {
    this.#keys[to] = this.#keys[from]!;
    const rest = this.#rest;
    for (let field = 0; field < FIELDS; field += 1) {
      rest[to * FIELDS + field] = rest[from * FIELDS + field]!;
    }
  }

  #grow(): void {
    const keys = new Float64Array(2 * this.#keys.length);
    keys.set(this.#keys);
    this.#keys = keys;
    const rest = new Int32Array(2 * this.#rest.length);
    rest.set(this.#rest);
    this.#rest = rest;
  }
}
