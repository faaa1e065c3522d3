// The speed to expect of an accelerator before anything was measured on it: from the catalogue,
// by whatever name an engine reports it. What runs corrects it (table.ts).
import type { AcceleratorKind } from "../../pool/index.ts";
import { ACCELERATOR_CATALOGUE, type CatalogueRow } from "./catalogue.ts";

/** What decides how fast a device is, as far as anybody knows before measuring. */
export interface Device {
  readonly kind: AcceleratorKind;
  readonly model: string;
}

/**
 * Operations per byte of a device whose other figure is not known, and the least that is believed
 * of one: fp32 units alone do about 12 (P100: 10.6 TFLOPS at 732 GB/s), which holds up chips
 * without a fast half precision such as the P40.
 */
const TFLOPS_PER_GB_S = { usual: 0.15, least: 0.012 };

/** The lent processor share of a machine: some cores with vector units and two memory channels. */
const PROCESSOR = { tflops: 1, gbPerS: 60 };

/** Words of names that say who made a device and not which one it is. */
const MAKERS = new Set(
  "nvidia amd intel tesla geforce radeon instinct huawei google aws graphics gpu".split(" "),
);

interface Known {
  readonly words: readonly string[];
  /** The word that no other product line has: the first with a digit. */
  readonly key: string;
  readonly logSpeed: number;
}

/** Words of a name: letters and digits, without the maker; `H100-SXM5-80GB` is h100 sxm5 80gb. */
function wordsOf(name: string): readonly string[] {
  const words = name.toLowerCase().split(/[^a-z0-9]+/);
  return words.filter((word) => word !== "" && !MAKERS.has(word));
}

const keyOf = (words: readonly string[]): string =>
  words.find((word) => /\d/.test(word) && !/^\d+gb$/.test(word)) ?? words.join(" ");

const known: readonly Known[] = ACCELERATOR_CATALOGUE.map((row): Known => {
  const words = wordsOf(row[1]);
  return { words, key: keyOf(words), logSpeed: logSpeedOf(row) };
});

const byKey = Map.groupBy(known, ({ key }) => key);

/** A product that nobody knows is taken for one in the middle of the catalogue. */
export const MIDDLE_LOG_SPEED = known.map(({ logSpeed }) => logSpeed).sort((a, b) => a - b)[
  known.length >> 1
]!;

/**
 * Natural logarithm of the geometric mean of peak rate and memory bandwidth: in the roofline model
 * (Williams and others 2009) what work does that is bound by each half of the time.
 */
function logSpeedOf([, , tflops, gbPerS]: Pick<CatalogueRow, 2 | 3> & readonly unknown[]): number {
  const bandwidth = gbPerS ?? (tflops ?? 1) / TFLOPS_PER_GB_S.usual;
  const rate = Math.max(
    tflops ?? bandwidth * TFLOPS_PER_GB_S.usual,
    bandwidth * TFLOPS_PER_GB_S.least,
  );
  return (Math.log(rate) + Math.log(bandwidth)) / 2;
}

const PROCESSOR_LOG_SPEED = (Math.log(PROCESSOR.tflops) + Math.log(PROCESSOR.gbPerS)) / 2;

const remembered = new Map<string, number | undefined>();

/** Names that are remembered; a pool has a few dozen products. */
const NAMES_KEPT = 1_000;

/** Logarithm of the catalogue's speed; undefined for a product that it does not have. */
function cataloguedLogSpeed(model: string): number | undefined {
  if (remembered.has(model)) return remembered.get(model);
  const found = bestMatch(wordsOf(model))?.logSpeed;
  if (remembered.size >= NAMES_KEPT) remembered.clear();
  remembered.set(model, found);
  return found;
}

/** Expected logarithm of a device's speed; only differences between devices mean anything. */
export const priorLogSpeed = ({ kind, model }: Device): number =>
  kind === "cpu" ? PROCESSOR_LOG_SPEED : (cataloguedLogSpeed(model) ?? MIDDLE_LOG_SPEED);

/** True if the catalogue has the product, under this or a longer or shorter name. */
export const isCatalogued = (model: string): boolean => cataloguedLogSpeed(model) !== undefined;

/** A word such as `v100` or `910b` tells the line of a product, a mere `2` does not. */
const tells = (key: string): boolean => /\d/.test(key) && (/[a-z]/.test(key) || key.length > 3);

/** Shortest word that may stand for a longer one: `v100` for `v100m32`. */
const STEM_MIN = 3;

/** The product that shares most words with the name; its own word must be among them. */
function bestMatch(words: readonly string[]): Known | undefined {
  let best: { readonly known: Known; readonly score: number } | undefined;
  for (const one of words.flatMap(linesOf)) {
    const shared = one.words.filter((word) => words.includes(word)).length;
    if (!tells(one.key) && shared < Math.min(2, one.words.length)) continue;
    // Of two that share as much, the one that begins with it, then the one that says least beyond.
    const score = shared + (one.words[0] === one.key ? 0.5 : 0) - one.words.length / 100;
    if (best === undefined || score > best.score) best = { known: one, score };
  }
  return best?.known;
}

/** Products whose own word is this one, or else begins with it or the other way round. */
function linesOf(word: string): readonly Known[] {
  const exact = byKey.get(word);
  if (exact !== undefined) return exact;
  if (!tells(word) || !/[a-z]/.test(word)) return [];
  return known.filter(({ key }) => {
    const stem = key.length < word.length ? key : word;
    const longer = key.length < word.length ? word : key;
    return stem.length >= STEM_MIN && tells(stem) && /[a-z]/.test(stem) && longer.startsWith(stem);
  });
}
