// Names of accelerators as a cluster file may write them: a product of the catalogue, with or
// without its maker, or its first words, such as `H100`. What is none of these gets the nearest.
import { ACCELERATOR_CATALOGUE } from "../../scheduler/throughput/catalogue.ts";

export interface KnownModel {
  readonly vendor: string;
  readonly model: string;
  /** Memory that the name itself tells, e.g. of `A100 SXM4 80GB`; 0 where it does not. */
  readonly memoryMiB: number;
}

export type ModelAnswer =
  | { readonly ok: true; readonly value: KnownModel }
  | { readonly ok: false; readonly near: readonly string[] };

/** Names that an error offers. */
const NEAR_MAX = 3;

const plain = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, " ")
    .trim();

/** Looks a name up; case, dashes and spaces do not matter. */
export function findModel(name: string): ModelAnswer {
  const asked = plain(name);
  let family: KnownModel | undefined;
  for (const [vendor, model] of ACCELERATOR_CATALOGUE) {
    for (const full of [plain(model), plain(`${vendor} ${model}`)]) {
      if (asked === full) return { ok: true, value: knownOf(vendor, model) };
      if (asked !== "" && full.startsWith(`${asked} `)) {
        family ??= { vendor, model: name.trim(), memoryMiB: 0 };
      }
    }
  }
  return family === undefined
    ? { ok: false, near: nearModels(asked) }
    : { ok: true, value: family };
}

function knownOf(vendor: string, model: string): KnownModel {
  const told = /(\d+)GB\b/.exec(model);
  // Makers' gigabytes of device memory are powers of two.
  return { vendor, model, memoryMiB: told === null ? 0 : Number(told[1]) * 1_024 };
}

/** The products whose names, or beginnings of names, differ least. */
function nearModels(asked: string): readonly string[] {
  return ACCELERATOR_CATALOGUE.map(([vendor, model]) => {
    const names = [plain(model), plain(`${vendor} ${model}`)];
    const far = names.map((full) =>
      Math.min(distance(asked, full), distance(asked, full.slice(0, asked.length)) + 0.5),
    );
    return { model, far: Math.min(...far) };
  })
    .sort((a, b) => a.far - b.far)
    .slice(0, NEAR_MAX)
    .map(({ model }) => model);
}

/** Letters to add, drop or change (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + change));
    }
    row = next;
  }
  return row[b.length]!;
}
