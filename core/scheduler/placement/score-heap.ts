// The groups of one kind of node for one class of requests, the best first. An entry may be out of
// date, which whoever takes it sees by its version.

/** Part of a score that one rank counts: equal scores are told apart by the lowest rank, and no
 * difference of scores is as small as all the ranks of a pool of 16 million nodes together. */
const RANK_PART = 2 ** -36;

/** Groups and versions stand in one number: so many groups at most, which four million nodes
 * cannot exceed, and as many versions as fit beside them. */
export const GROUPS_MAX = 2 ** 22;

/** Room that is kept beyond the entries. */
const ROOM_TIMES = 2;
const ROOM_MORE = 32;

/** A binary heap in flat arrays: highest score first, then lowest rank. */
export class ScoreHeap {
  size = 0;
  /** Score less the part that the rank counts. */
  readonly #keys: number[] = [];
  /** Group and version of each entry. */
  readonly #stamps: number[] = [];

  clear(): void {
    this.size = 0;
  }

  /** Gives back the room beyond what is in use, if it is much. */
  trim(): void {
    if (this.#keys.length <= ROOM_TIMES * this.size + ROOM_MORE) return;
    this.#keys.length = this.size;
    this.#stamps.length = this.size;
  }

  /** Key of the best entry: its score, and less by next to nothing for its rank. */
  get topKey(): number {
    return this.#keys[0]!;
  }

  get topGroup(): number {
    const stamp = this.#stamps[0]!;
    return stamp - Math.floor(stamp / GROUPS_MAX) * GROUPS_MAX;
  }

  get topVersion(): number {
    return Math.floor(this.#stamps[0]! / GROUPS_MAX);
  }

  push(score: number, rank: number, group: number, version: number): void {
    this.put(score - rank * RANK_PART, group, version);
  }

  /** Puts back what was taken out, by its key. */
  put(key: number, group: number, version: number): void {
    const keys = this.#keys;
    const stamps = this.#stamps;
    let at = this.size;
    this.size += 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (keys[above]! >= key) break;
      keys[at] = keys[above]!;
      stamps[at] = stamps[above]!;
      at = above;
    }
    keys[at] = key;
    stamps[at] = group + version * GROUPS_MAX;
  }

  pop(): void {
    this.size -= 1;
    const last = this.size;
    const keys = this.#keys;
    const stamps = this.#stamps;
    const key = keys[last]!;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= last) break;
      if (below + 1 < last && keys[below + 1]! > keys[below]!) below += 1;
      if (keys[below]! <= key) break;
      keys[at] = keys[below]!;
      stamps[at] = stamps[below]!;
      at = below;
    }
    keys[at] = key;
    stamps[at] = stamps[last]!;
  }
}
