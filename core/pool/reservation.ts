// A reservation: capacity that an operator keeps for a project or a person in a time window. Which
// machines are kept is decided once, when it is made; who decides is left to the controller.
import type { AcceleratorKind } from "./resources.ts";

/** What is kept on one node. */
export interface KeptPart {
  readonly siteId: string;
  readonly node: string;
  readonly acceleratorIds: readonly string[];
}

export interface Reservation {
  /** `r-1`, `r-2`, ... in the order in which they were made. */
  readonly reservationId: string;
  /** Jobs of this project, or of those under it, may use it; null: of any. */
  readonly project: string | null;
  /** Jobs of this user may use it; null: of any. One of the two is given. */
  readonly user: string | null;
  /** What was asked for: so many accelerators, or so many whole nodes. */
  readonly unit: "accelerators" | "nodes";
  readonly count: number;
  readonly kind?: AcceleratorKind;
  readonly model?: string;
  /** Only machines of this member, or of this site; null: of any. */
  readonly member: string | null;
  readonly siteId: string | null;
  readonly fromMs: number;
  /** First moment that no longer counts. */
  readonly toMs: number;
  readonly reason: string;
  /** In the order of sites and nodes; of a whole node also what it has beside accelerators. */
  readonly kept: readonly KeptPart[];
}
