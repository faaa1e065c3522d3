// What a control plane is at the moment: the leader, or a follower that answers reads from its own
// fold of the leader's journal. Who follows and how is in follower.ts; what that means for HTTP is
// in api/following.ts.
import { type Refusal, refuse } from "@tequio/core/pool";

/** What a follower knows of its place. */
export interface Following {
  /** Where the leader says it is; undefined while nobody leads or it has not said so. */
  readonly leaderUrl: string | undefined;
  /** Nothing that was durable so many milliseconds ago is missing; undefined before the first
   * answer of the database. */
  readonly lagMs: number | undefined;
  /** Records of the journal, as it was last looked at, that are still to be read. */
  readonly lagRecords: number;
  /** Why it should get no requests, or could not take over. */
  readonly notReady: string | undefined;
}

export interface Role {
  /** Undefined: this one leads. */
  readonly following: () => Following | undefined;
  /** Resolves when everything up to the record is in the state; false when it took too long. */
  readonly reached: (seq: number, waitMs: number) => Promise<boolean>;
}

/** A control plane that leads from its start on has whatever it answered. */
export const LEADS: Role = { following: () => undefined, reached: async () => true };

/** What a follower answers to whatever only a leader can do. */
export function notLeader({ leaderUrl }: Pick<Following, "leaderUrl">): Refusal {
  const message = "This control plane follows another one and only answers reads.";
  return leaderUrl === undefined
    ? refuse("NOT_LEADER", message, "Nobody leads at the moment: try again in a few seconds.")
    : refuse("NOT_LEADER", message, `Ask the leader at ${leaderUrl}.`, leaderUrl);
}
