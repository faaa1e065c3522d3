// The order of job ids for people: `9` before `10`, `17_2` before `17_10`.
import { byText } from "../reasons.ts";

/** Compares runs of digits by their value and everything else by code units. */
export function compareJobIds(a: string, b: string): number {
  const partsA = a.match(PARTS) ?? [];
  const partsB = b.match(PARTS) ?? [];
  const length = Math.min(partsA.length, partsB.length);
  for (let i = 0; i < length; i += 1) {
    const order = compareParts(partsA[i]!, partsB[i]!);
    if (order !== 0) return order;
  }
  // `007` and `7` are equal so far, but different ids.
  return partsA.length - partsB.length || byText(a, b);
}

const PARTS = /\d+|\D+/g;
const DIGITS = /^\d/;

function compareParts(a: string, b: string): number {
  if (!DIGITS.test(a) || !DIGITS.test(b)) return byText(a, b);
  const digitsA = a.replace(/^0+/, "");
  const digitsB = b.replace(/^0+/, "");
  return digitsA.length - digitsB.length || byText(digitsA, digitsB);
}
