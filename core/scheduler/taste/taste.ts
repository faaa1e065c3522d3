// What one job would rather have among the nodes that fit: each ranker gives points to a node, less
// is better, and the points are added. Scarcity goes before them and best fit after them
// (rank/rank.ts); none of them ever makes a job wait.
import type { Accelerator } from "../../pool/index.ts";
import type { Speeds, WaitingKind } from "../throughput/index.ts";
import type { WaitingView } from "../types.ts";
import { locality } from "./locality.ts";
import { preference } from "./preference.ts";
import { throughputMatch } from "./throughput-match.ts";

/** A node as rankers see it. */
export interface TastePlace {
  readonly siteId: string;
  /** The device that the job would get there; absent: none. */
  readonly device: Accelerator | undefined;
}

/** What rankers know beside the job. */
export interface TasteWorld {
  readonly speeds: Speeds;
  /** Millionths of a credit for an hour of a device of a site. */
  readonly priceOf: (siteId: string, device: Accelerator) => number;
  /** What waits, by kind of work. */
  readonly waiting: readonly WaitingKind[];
}

/** One reason to rather have one node than another. */
export interface TasteRanker {
  /** Points of a place; less is better, 0: all the same. Undefined where it has no say. */
  readonly of: (job: WaitingView, world: TasteWorld) => ((place: TastePlace) => number) | undefined;
  /** Why a place was chosen, as a sentence's part; undefined where it did not matter. */
  readonly says: (job: WaitingView, world: TasteWorld, place: TastePlace) => string | undefined;
}

const RANKERS: readonly TasteRanker[] = [preference, locality, throughputMatch];

/** Points of a place for one task of a job; undefined where no ranker has a say. */
export function tasteOf(
  job: WaitingView,
  world: TasteWorld,
): ((place: TastePlace) => number) | undefined {
  const points = RANKERS.flatMap((ranker) => ranker.of(job, world) ?? []);
  if (points.length === 0) return undefined;
  return (place) => points.reduce((sum, of) => sum + of(place), 0);
}

/** Why a place was chosen, as far as taste goes: `; runs again where it was`. */
export function tasteSentence(job: WaitingView, world: TasteWorld, place: TastePlace): string {
  const said = RANKERS.flatMap((ranker) => ranker.says(job, world, place) ?? []);
  return said.map((text) => `; ${text}`).join("");
}
