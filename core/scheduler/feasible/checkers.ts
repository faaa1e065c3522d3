// The stack of checkers, in the order in which a node is asked. The first objection counts.
import type { Objection } from "../reasons.ts";
import type { NodeView } from "../types.ts";
import type { Checker, Need } from "./checker.ts";
import { count } from "./count.ts";
import { cpu } from "./cpu.ts";
import { kind } from "./kind.ts";
import { label } from "./label.ts";
import { mainMemory } from "./main-memory.ts";
import { member } from "./member.ts";
import { memory } from "./memory.ts";
import { model } from "./model.ts";
import { program } from "./program.ts";
import { sharing } from "./sharing.ts";
import { state } from "./state.ts";
import { vendor } from "./vendor.ts";

/** About the owner and what the owner says of the node. */
export const PLACE_CHECKERS: readonly Checker[] = [member, label, program, sharing];

/** About nothing but the node's hardware, so nodes of equal hardware are asked once. */
export const HARDWARE_CHECKERS: readonly Checker[] = [
  kind,
  vendor,
  model,
  memory,
  count,
  cpu,
  mainMemory,
];

/** About the moment. Asked last: a node that could never serve a job says so even while away. */
export const STATE_CHECKERS: readonly Checker[] = [state];

/** All that can never change while the node stays what it is. */
export const LASTING_CHECKERS: readonly Checker[] = [...PLACE_CHECKERS, ...HARDWARE_CHECKERS];

/** The first objection of a node, with the checker that made it. */
export function firstObjection(
  checkers: readonly Checker[],
  need: Need,
  view: NodeView,
): { readonly objection: Objection; readonly checker: Checker } | undefined {
  for (const checker of checkers) {
    const objection = checker.check(need, view);
    if (objection !== undefined) return { objection, checker };
  }
  return undefined;
}
