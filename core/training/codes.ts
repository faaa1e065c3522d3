/**
 * Codes of the round machine with their meaning: refusals of contributions, and why a run or a
 * site waits. Same form as the pool's table, of which the errors page is made.
 */
export const TRAINING_CODES = {
  // refusals of a contribution
  RUN_FINISHED: { status: 409, means: "The run has ended and takes no contributions." },
  RUN_SITE_UNKNOWN: { status: 409, means: "The site has not announced itself to this run." },
  CONTRIBUTION_TOO_OLD: { status: 409, means: "The round was merged too long ago." },
  CONTRIBUTION_NOT_ASSIGNED: { status: 409, means: "The site has no such stretch to offer." },
  CONTRIBUTION_REPEATED: { status: 409, means: "The site gave another one for this round." },
  MODEL_DIGEST_MISMATCH: { status: 422, means: "The stretch started from another model." },
  CODEC_MISMATCH: { status: 422, means: "The codec is not the one of the assignment." },
  CONTRIBUTION_SIZE: { status: 422, means: "The blob cannot hold a delta of this model." },
  CONTRIBUTION_CLAIMS: { status: 422, means: "Steps, tokens, data or times do not fit." },
  LOSS_NOT_FINITE: { status: 422, means: "The site's own training loss is not a number." },
  CONTRIBUTION_UNREADABLE: { status: 422, means: "The blob is damaged, or missing." },
  GATE_FAILED: { status: 422, means: "The model would be worse on held-out text." },
  SITE_QUARANTINED: { status: 409, means: "The site's contributions have weight 0 for now." },
  // reasons to wait
  RUN_PAUSED: { status: 409, means: "The run was paused by a person." },
  RUN_FULL: { status: 429, means: "The run has as many sites as it may have." },
  NO_SITES: { status: 409, means: "No site is there to train." },
  WARM_UP: { status: 409, means: "One site trains the first steps; the others wait for it." },
  STRETCH_OPEN: { status: 409, means: "The site trains." },
  NEXT_ROUND: { status: 409, means: "The site has given its part and waits for the next round." },
  TOO_LATE_FOR_ROUND: { status: 409, means: "Too little of the round is left to begin now." },
  SITE_TOO_SLOW: { status: 409, means: "Not one step fits into a round of the others." },
  SITE_AWAY: { status: 409, means: "The site left, or missed a round, and is not back." },
  AGGREGATING: { status: 409, means: "The contributions of the round are being merged." },
  AGGREGATION_FAILED: { status: 500, means: "Merging failed several times." },
  // why a stretch or a round was given up
  MISSED_ROUND: { status: 409, means: "The site was more than one round late." },
  STRETCH_EXPIRED: { status: 409, means: "The site took far longer than it was expected to." },
  ROUND_ABANDONED: { status: 409, means: "Everybody left before anything was offered." },
} as const satisfies Record<string, { status: number; means: string }>;

/** A code of the round machine. */
export type TrainingCode = keyof typeof TRAINING_CODES;

/** A code and one sentence for a person. */
export interface Reason {
  readonly code: TrainingCode;
  readonly reason: string;
}
