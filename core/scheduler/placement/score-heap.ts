// The groups of one kind of node for one class of requests, the best first. An entry may be out of
// date, which whoever takes it sees by its version.

/** Part of a score that one rank counts: equal scores are told apart by the lowest rank, and no
 * difference of scores is as small as all the ranks of a pool of 16 million nodes together. */
const RANK_PART = 2 ** -36;

/** A binary heap in flat arrays: highest score first, then lowest rank. */
export class ScoreHeap {
  size = 0;
  /** Score less the part that the rank counts. */
  readonly #keys: number[] = [];
  readonly #groups: number[] = [];
  readonly #versions: number[] = [];

  clear(): void {
    this.size = 0;
  }

  /** Key of the best entry: its score, and less by next to nothing for its rank. */
  get topKey(): number {
    return this.#keys[0]!;
  }

  get topGroup(): number {
    return this.#groups[0]!;
  }

  get topVersion(): number {
    return this.#versions[0]!;
  }

  push(score: number, rank: number, group: number, version: number): void {
    this.put(score - rank * RANK_PART, group, version);
  }

  /** Puts back what was taken out, by its key. */
  put(key: number, group: number, version: number): void {
    const keys = this.#keys;
    const groups = this.#groups;
    const versions = this.#versions;
    let at = this.size;
    this.size += 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (keys[above]! >= key) break;
      keys[at] = keys[above]!;
      groups[at] = groups[above]!;
      versions[at] = versions[above]!;
      at = above;
    }
    keys[at] = key;
    groups[at] = group;
    versions[at] = version;
  }

  pop(): void {
    this.size -= 1;
    const last = this.size;
    if (last === 0) return;
    const keys = this.#keys;
    const groups = this.#groups;
    const versions = this.#versions;
    const key = keys[last]!;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= last) break;
      if (below + 1 < last && keys[below + 1]! > keys[below]!) below += 1;
      if (keys[below]! <= key) break;
      keys[at] = keys[below]!;
      groups[at] = groups[below]!;
      versions[at] = versions[below]!;
      at = below;
    }
    keys[at] = key;
    groups[at] = groups[last]!;
    versions[at] = versions[last]!;
  }
}
