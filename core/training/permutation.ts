/**
 * A seeded permutation of 0..size-1 that needs no table: a small Feistel network on the next
 * even number of bits, walked along its cycle until it lands inside. Not cryptography: it only
 * has to mix the text and to be the same everywhere.
 */
import { assert } from "../pool/index.ts";

/** Most windows of a corpus: the halves of the network must stay within 16 bits each. */
export const WINDOWS_MAX = 2 ** 31;

/** Four rounds mix both halves twice; a bijection needs none of them to be good. */
const ROUNDS = 4;

/** The finaliser of MurmurHash3: every input bit changes about half of the output bits. */
function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/** Place of `index` in pass `pass` over `size` windows. A bijection of 0..size-1. */
export function permute(seed: number, pass: number, size: number, index: number): number {
  assert(size >= 1 && size <= WINDOWS_MAX, "a corpus has 1 to 2^31 windows");
  assert(Number.isInteger(index) && index >= 0 && index < size, "an index lies in the corpus");
  const halfBits = Math.max(1, Math.ceil(Math.log2(size) / 2));
  const key = mix(mix(seed) ^ mix(pass + 0x9e3779b9));
  let place = index;
  do place = feistel(key, halfBits, place);
  while (place >= size); // At most a factor 4 too large, so 4 walks are expected at worst.
  return place;
}

function feistel(key: number, halfBits: number, value: number): number {
  const base = 2 ** halfBits;
  const mask = base - 1;
  let left = Math.floor(value / base);
  let right = value & mask;
  for (let round = 0; round < ROUNDS; round += 1) {
    const next = left ^ (mix(right ^ mix(key + round)) & mask);
    left = right;
    right = next;
  }
  return left * base + right;
}
