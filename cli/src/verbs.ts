// The verbs that only speak to a pool. The composition root adds those that need concrete parts.
import type { Verb } from "./verb.ts";

export const GROUPS = {
  RUN: "Run things:",
  WATCH: "See what happens:",
  POOL: "Look after the pool:",
  START: "Start something:",
} as const;

export const POOL_VERBS: readonly Verb[] = [];
