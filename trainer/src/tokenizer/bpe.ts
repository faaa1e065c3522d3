/**
 * Byte-pair encoding that is trained here: which pairs of tokens become one, in order (Sennrich,
 * Haddow and Birch, Neural Machine Translation of Rare Words with Subword Units; on bytes, so that
 * every text can be written). The same text and size give the same merges on every machine. Names,
 * files and their digests are tokenizer.ts.
 */
import { MergeQueue } from "./merge-queue.ts";
import { eachWord } from "./words.ts";

/** Ids below are single bytes. */
export const BYTES = 256;

/** Two tokens and thereby a third: merge i makes the id 256 + i. */
export interface Merge {
  readonly left: number;
  readonly right: number;
}

/** A pair as one number; ids stay below 2^16, so the key is exact and sorts like the pair. */
const PAIR_BASE = 65_536;
const keyOf = (left: number, right: number): number => left * PAIR_BASE + right;

/** What stands fewer times is not worth an id. */
const PAIR_COUNT_MIN = 2;

interface Word {
  symbols: readonly number[];
  readonly count: number;
}

const pairsOf = (symbols: readonly number[]): readonly number[] =>
  symbols.slice(1).map((right, at) => keyOf(symbols[at]!, right));

function merged(symbols: readonly number[], left: number, right: number, id: number): number[] {
  const out: number[] = [];
  for (let at = 0; at < symbols.length; at += 1) {
    const fits = symbols[at] === left && symbols[at + 1] === right;
    out.push(fits ? id : symbols[at]!);
    if (fits) at += 1;
  }
  return out;
}

/** Counts of all pairs and the words that may hold them, kept up as words change. */
class PairCounts {
  readonly counts = new Map<number, number>();
  readonly #places = new Map<number, Set<number>>();
  readonly #words: readonly Word[];

  constructor(words: readonly Word[]) {
    this.#words = words;
    for (const index of words.keys()) this.#count(index, 1);
  }

  /** Joins the pair in every word; answers the pairs that exist since then. */
  merge(key: number, id: number): ReadonlySet<number> {
    const left = Math.floor(key / PAIR_BASE);
    const right = key % PAIR_BASE;
    const born = new Set<number>();
    for (const index of this.#places.get(key) ?? []) {
      const word = this.#words[index]!;
      const after = merged(word.symbols, left, right, id);
      if (after.length === word.symbols.length) continue;
      this.#count(index, -1);
      word.symbols = after;
      this.#count(index, 1);
      for (const [at, symbol] of after.entries()) {
        if (symbol !== id) continue;
        if (at > 0) born.add(keyOf(after[at - 1]!, id));
        if (at + 1 < after.length) born.add(keyOf(id, after[at + 1]!));
      }
    }
    this.counts.delete(key);
    this.#places.delete(key);
    return born;
  }

  #count(index: number, sign: 1 | -1): void {
    const { symbols, count } = this.#words[index]!;
    for (const key of pairsOf(symbols)) {
      this.counts.set(key, (this.counts.get(key) ?? 0) + sign * count);
      if (sign < 0) continue;
      const places = this.#places.get(key);
      if (places === undefined) this.#places.set(key, new Set([index]));
      else places.add(index);
    }
  }
}

/**
 * The merges of a text: at each step the pair that stands most often, of equals the one with the
 * smaller ids. Fewer than asked for when no pair is left that stands twice.
 */
export function trainMerges(text: Uint8Array, vocab: number): readonly Merge[] {
  const seen = new Map<string, number>();
  eachWord(text, (word) => seen.set(word, (seen.get(word) ?? 0) + 1));
  const words = [...seen].map(([word, count]) => ({
    symbols: [...Buffer.from(word, "latin1")],
    count,
  }));
  const pairs = new PairCounts(words);
  const queue = new MergeQueue();
  for (const [key, count] of pairs.counts) queue.push(key, count);
  const merges: Merge[] = [];
  while (BYTES + merges.length < vocab) {
    const best = queue.pop();
    if (best === undefined) break;
    const count = pairs.counts.get(best.key) ?? 0;
    // Counts of old pairs only shrink: one that was counted too high goes back where it belongs.
    if (count < PAIR_COUNT_MIN) continue;
    if (count < best.count) {
      queue.push(best.key, count);
      continue;
    }
    const born = pairs.merge(best.key, BYTES + merges.length);
    merges.push({ left: Math.floor(best.key / PAIR_BASE), right: best.key % PAIR_BASE });
    for (const key of born) queue.push(key, pairs.counts.get(key) ?? 0);
  }
  return merges;
}

/** Writes bytes as tokens and back, by given merges. */
export class BytePairs {
  readonly #ranks = new Map<number, number>();
  /** Bytes of each token. */
  readonly #bytes: readonly Uint8Array[];
  readonly #known = new Map<string, readonly number[]>();

  constructor(merges: readonly Merge[]) {
    const bytes = Array.from({ length: BYTES }, (_, byte) => Uint8Array.of(byte));
    for (const [index, { left, right }] of merges.entries()) {
      this.#ranks.set(keyOf(left, right), index);
      bytes.push(Uint8Array.of(...bytes[left]!, ...bytes[right]!));
    }
    this.#bytes = bytes;
  }

  encode(text: Uint8Array): Uint16Array<ArrayBuffer> {
    // Never more tokens than bytes.
    const out = new Uint16Array(text.length);
    let length = 0;
    eachWord(text, (word) => {
      let tokens = this.#known.get(word);
      if (tokens === undefined) {
        tokens = this.#encodeWord(word);
        if (this.#known.size < KNOWN_WORDS_MAX) this.#known.set(word, tokens);
      }
      for (const token of tokens) {
        out[length] = token;
        length += 1;
      }
    });
    return out.slice(0, length);
  }

  /** The bytes of the tokens; ids that stand for nothing give none. */
  decode(tokens: ArrayLike<number>): Uint8Array<ArrayBuffer> {
    const parts = Array.from(tokens, (token) => this.#bytes[token] ?? new Uint8Array());
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  #encodeWord(word: string): readonly number[] {
    let symbols: readonly number[] = [...Buffer.from(word, "latin1")];
    for (;;) {
      const ranks = pairsOf(symbols).map((key) => this.#ranks.get(key) ?? Number.POSITIVE_INFINITY);
      const first = Math.min(...ranks, Number.POSITIVE_INFINITY);
      if (first === Number.POSITIVE_INFINITY) return symbols;
      const at = ranks.indexOf(first);
      symbols = merged(symbols, symbols[at]!, symbols[at + 1]!, BYTES + first);
    }
  }
}

/** Words whose tokens are remembered: English has fewer, and 200,000 take about 30 MB. */
const KNOWN_WORDS_MAX = 200_000;
