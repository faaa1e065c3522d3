// The shape that every check answers with. What is checked, and what is excused, lies elsewhere.
import type { Tree } from "./tree.ts";

/** One place that breaks one rule. Lines count from 1. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

/** A check reads the whole tree and changes nothing. */
export type Check = (tree: Tree) => readonly Finding[];
