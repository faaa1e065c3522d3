/**
 * The form check of an offered contribution: is it the one that was asked for? What is in the
 * blob is looked at by the aggregator; what it is worth, by clip and gate.
 */
import { sameRanges, splitRanges } from "../assignment.ts";
import { codedBytes } from "../codec/index.ts";
import type { Reason } from "../codes.ts";
import type { Offered, RunEvent } from "./messages.ts";
import { type Assignment, assignmentOf, contributionId, type RunState, siteOf } from "./state.ts";

/** Accepts or refuses. Undefined: known already, nothing to do. */
export function judgeOffer(state: RunState, offer: Offered, atMs: number): RunEvent | undefined {
  const { siteId, round, blob } = offer;
  const id = contributionId(siteId, round);
  const refused = (why: Reason, stretchVoid: boolean): RunEvent => ({
    type: "contribution.refused",
    atMs,
    contributionId: id,
    siteId,
    round,
    blob,
    stretchVoid,
    ...why,
  });
  const site = siteOf(state, siteId);
  if (site === undefined) return refused(no("RUN_SITE_UNKNOWN", "announce it first"), false);
  if (site.lastOffered?.round === round) {
    if (site.lastOffered.blob === blob) return undefined;
    return refused(no("CONTRIBUTION_REPEATED", `round ${round} has one already`), false);
  }
  if (state.phase.kind === "finished") {
    return refused(no("RUN_FINISHED", `the run ended: ${state.phase.reason}`), false);
  }
  const assignment = assignmentOf(state, siteId);
  if (assignment === undefined || assignment.round !== round) {
    return refused(
      round < state.round
        ? no("CONTRIBUTION_TOO_OLD", `round ${round} is over; fetch the newest model`)
        : no("CONTRIBUTION_NOT_ASSIGNED", `the site has no stretch in round ${round}`),
      false,
    );
  }
  if (!isSameStretch(assignment, offer)) {
    const reason = "batch and windows are not those of the site's present stretch";
    return refused(no("CONTRIBUTION_NOT_ASSIGNED", reason), false);
  }
  const flaw = flawOf(state, assignment, offer);
  if (flaw !== undefined) return refused(flaw, true);
  return {
    type: "contribution.accepted",
    atMs,
    contribution: {
      contributionId: id,
      siteId,
      round,
      tokens: offer.tokens,
      innerSteps: offer.innerSteps,
      batch: offer.batch,
      computeMs: offer.computeMs,
      transferMs: offer.transferMs,
      blob,
      bytes: offer.bytes,
      codec: offer.codec,
      dataRange: offer.dataRange,
      meanLoss: offer.meanLoss,
      momentsBlob: offer.momentsBlob ?? null,
    },
  };
}

const no = (code: Reason["code"], reason: string): Reason => ({ code, reason });

/**
 * Whether the offer begins with the windows that were asked for. If not, it is from a stretch
 * that was given up, and must not cost the site the present one.
 */
function isSameStretch(asked: Assignment, offer: Offered): boolean {
  const [first] = asked.dataRange;
  const [given] = offer.dataRange;
  if (offer.batch !== asked.batch) return false;
  return given === undefined || (first?.pass === given.pass && first.from === given.from);
}

/** The first claim that does not fit the assignment. */
function flawOf(state: RunState, asked: Assignment, offer: Offered): Reason | undefined {
  const { parameters, context } = state.config;
  if (offer.modelDigest !== asked.modelDigest) {
    return no("MODEL_DIGEST_MISMATCH", "the stretch did not start from the model of its round");
  }
  if (offer.codec !== asked.codec) {
    return no("CODEC_MISMATCH", `${asked.codec} was asked for, not ${offer.codec}`);
  }
  const bytes = codedBytes(asked.codec, parameters);
  if (offer.bytes !== bytes) {
    return no("CONTRIBUTION_SIZE", `a delta takes ${bytes} bytes, not ${offer.bytes}`);
  }
  const { innerSteps, batch, tokens } = offer;
  if (!Number.isInteger(innerSteps) || innerSteps < 1 || innerSteps > asked.innerSteps) {
    return no("CONTRIBUTION_CLAIMS", `1 to ${asked.innerSteps} steps, not ${innerSteps}`);
  }
  if (tokens !== innerSteps * batch * context) {
    return no("CONTRIBUTION_CLAIMS", `tokens are steps x ${asked.batch} x ${context}`);
  }
  if (!sameRanges(splitRanges(asked.dataRange, innerSteps * batch)[0], offer.dataRange)) {
    return no("CONTRIBUTION_CLAIMS", "the windows are not the first ones of the assignment");
  }
  if (!isDuration(offer.computeMs) || !isDuration(offer.transferMs)) {
    return no("CONTRIBUTION_CLAIMS", "times are finite and not negative");
  }
  return Number.isFinite(offer.meanLoss)
    ? undefined
    : no("LOSS_NOT_FINITE", "the training diverged at the site");
}

const isDuration = (ms: number): boolean => Number.isFinite(ms) && ms >= 0;
