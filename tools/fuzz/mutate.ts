// Makes inputs that a parser has not met: random ones, and ones that were right until something
// was cut, doubled, swapped or replaced by a word that parsers stumble over. Everything follows
// from the numbers that `next` gives, so an input is made again from its number alone.

/** Numbers from 0 (included) to 1 (excluded). */
export type Next = () => number;

/** Mulberry32 by Tommy Ettinger (public domain): small, and good enough to choose inputs. */
export function chance(seed: number): Next {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A whole number from 0 to `end`, excluded. */
export const below = (next: Next, end: number): number => Math.floor(next() * end);

/** One of a list that is not empty. */
export function pick<T>(next: Next, from: readonly T[]): T {
  const picked = from[below(next, from.length)];
  if (picked === undefined) throw new Error("Nothing to pick from.");
  return picked;
}

/** What parsers have stumbled over before: limits of numbers, prototypes, odd letters, aliases. */
const WORDS = [
  ...[
    "0",
    "-1",
    "1e999",
    "9007199254740993",
    "4294967296",
    "0x10",
    "NaN",
    "Infinity",
    "-0",
    "1e-7",
  ],
  ...["null", "true", "{}", "[]", '""', "~", "__proto__", "constructor", "toString", "$map", "<<"],
  ...[
    "\0",
    "\u2028",
    "\ud800",
    "\u202e",
    "\ufeff",
    "😀",
    "\r\n",
    "\n\n",
    "\t",
    " ",
    "'",
    '"',
    "\\",
  ],
  ...["&a", "*a", "&a [*a, *a]", "!!js/function", "- ", ": ", "? ", "| ", "> ", "---", "...", "#"],
  ...[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "%",
    "-",
    ".",
    "/",
    "../",
    "tqj1.",
    "sha256:",
    "ms",
    "GiB",
    "d",
  ],
];
const TEXT_CHARS_MAX = 65_536;
const REPEATS_MAX = 300;

/** One to some changes of a text. */
export function mutateText(next: Next, seed: string): string {
  let text = seed;
  for (let changes = 1 + below(next, 4); changes > 0; changes -= 1) {
    const at = below(next, text.length + 1);
    const end = Math.min(text.length, at + below(next, 1 + below(next, 40)));
    const [head, part, tail] = [text.slice(0, at), text.slice(at, end), text.slice(end)];
    switch (below(next, 6)) {
      case 0:
        text = head + tail;
        break;
      case 1:
        text = head + pick(next, WORDS) + tail;
        break;
      case 2:
        text = head + (part || pick(next, WORDS)).repeat(below(next, REPEATS_MAX)) + tail;
        break;
      case 3:
        text = head + String.fromCharCode(below(next, 0x2_00)) + text.slice(at + 1);
        break;
      case 4:
        text = head + tail.slice(below(next, tail.length + 1)) + part;
        break;
      default:
        text = head + String(Math.floor(10 ** (next() * 20))) + tail;
    }
    text = text.slice(0, TEXT_CHARS_MAX);
  }
  return text;
}

/** Letters in no order at all. */
export function randomText(next: Next): string {
  const length = below(next, 60);
  return Array.from({ length }, () =>
    next() < 0.2 ? pick(next, WORDS) : String.fromCharCode(32 + below(next, 95)),
  ).join("");
}

const BOUNDARIES = [0, 1, 2 ** 16 - 1, 2 ** 30, 2 ** 30 + 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];

/** One to some changes of bytes: bits, cuts, tails, and 32-bit numbers at their limits. */
export function mutateBytes(next: Next, seed: Uint8Array): Uint8Array<ArrayBuffer> {
  let bytes = Uint8Array.from(seed);
  for (let changes = 1 + below(next, 4); changes > 0; changes -= 1) {
    const at = below(next, Math.max(1, bytes.length));
    switch (below(next, 5)) {
      case 0:
        bytes = bytes.slice(0, at);
        break;
      case 1:
        bytes = Uint8Array.from([...bytes, ...randomBytes(next, 40)]);
        break;
      case 2:
        if (at + 4 <= bytes.length) {
          new DataView(bytes.buffer).setUint32(at, pick(next, BOUNDARIES), true);
        }
        break;
      default:
        if (bytes.length > 0) bytes[at] = (bytes[at] ?? 0) ^ (1 << below(next, 8));
    }
  }
  return bytes;
}

/** Up to `lengthMax` bytes of any value. */
export const randomBytes = (next: Next, lengthMax: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length: below(next, lengthMax) }, () => below(next, 256));

const DEPTH_MAX = 4;

/** A value as JSON has them. */
export function randomValue(next: Next, depth = 0): unknown {
  const kind = below(next, depth < DEPTH_MAX ? 8 : 5);
  if (kind === 0) return null;
  if (kind === 1) return next() < 0.5;
  if (kind === 2) return pick(next, [0, -1, 1.5, 2 ** 53, -(2 ** 63), 1e308, 1e-320]);
  if (kind <= 4) return next() < 0.5 ? pick(next, WORDS) : randomText(next);
  const size = below(next, 5);
  const parts = Array.from({ length: size }, () => randomValue(next, depth + 1));
  if (kind === 5) return parts;
  return Object.fromEntries(parts.map((part) => [randomKey(next), part]));
}

const randomKey = (next: Next): string =>
  next() < 0.3 ? pick(next, WORDS) : randomText(next).slice(0, 12);

/** A value in which one part, chosen by chance, is gone, doubled, or something else. */
export function mutateValue(next: Next, value: unknown): unknown {
  const isLeaf = typeof value !== "object" || value === null || next() < 0.15;
  if (isLeaf) {
    return typeof value === "string" && next() < 0.6 ? mutateText(next, value) : randomValue(next);
  }
  const entries: [string, unknown][] = Object.entries(value);
  const place = below(next, entries.length + 1);
  const found = entries[place];
  if (found === undefined) entries.push([randomKey(next), randomValue(next)]);
  else if (next() < 0.2) entries.splice(place, 1);
  else if (next() < 0.1) entries.push([`${found[0]}x`, found[1]]);
  else entries[place] = [found[0], mutateValue(next, found[1])];
  // defineProperty semantics: a key `__proto__` stays a key, as JSON.parse keeps it.
  return Array.isArray(value) ? entries.map(([, part]) => part) : Object.fromEntries(entries);
}
