// What a checker is, and the words that checkers share. A checker looks at one node as if it were
// idle and says "no, because", or nothing; what is free at the moment is gang/room.ts's business.
import type { Accelerator, Constraints, Resources } from "../../pool/index.ts";
import type { Objection } from "../reasons.ts";
import type { NodeView } from "../types.ts";

/** What one task asks of one node. */
export interface Need {
  readonly resources: Resources;
  readonly constraints: Constraints;
  /** It trains with the embedded engine and runs no command; see program.ts. */
  readonly trains?: boolean;
}

export interface Checker {
  readonly check: (need: Need, view: NodeView) => Objection | undefined;
  /** What the pool has that comes closest, e.g. `The largest ... is 24 GiB.` */
  readonly closest: (need: Need, views: readonly NodeView[]) => string;
}

/** `80 GiB`, or `1,500 MiB` where it is no whole number of GiB. */
export function formatMiB(memoryMiB: number): string {
  return memoryMiB % 1_024 === 0 ? `${memoryMiB / 1_024} GiB` : `${memoryMiB} MiB`;
}

/** `4 cores`, `0.5 cores`. */
export function formatCores(milliCpu: number): string {
  return milliCpu === 1_000 ? "1 core" : `${milliCpu / 1_000} cores`;
}

/** `1 accelerator`, `3 accelerators`. */
export function plural(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}

/** Some different values as a list for people, the same in any order of input. */
export function listed(values: Iterable<string>): string {
  const different = [...new Set(values)].sort();
  const shown = different.slice(0, LISTED_MAX);
  const more = different.length - shown.length;
  return more === 0 ? shown.join(", ") : `${shown.join(", ")} and ${more} more`;
}

/** Values in one message; a longer list is not read. */
const LISTED_MAX = 8;

/** All accelerators of some nodes. */
export const acceleratorsOf = (views: readonly NodeView[]): readonly Accelerator[] =>
  views.flatMap((view) => view.node.accelerators);
