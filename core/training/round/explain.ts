/** Why a run or a site waits, in a code and one sentence: for the console and the command line. */
import type { Reason } from "../codes.ts";
import { quorumOf } from "./settle.ts";
import { assignmentOf, type RunState, type SiteState } from "./state.ts";

/** What a run and its sites are doing. */
export interface Explanation {
  /** Null when nothing holds the run up. */
  readonly run: Reason | null;
  readonly sites: readonly (Reason & { readonly siteId: string })[];
}

/** Explains the state as it is. */
export const explain = (state: RunState): Explanation => ({
  run: explainRun(state),
  sites: state.sites.map((site) => ({ siteId: site.siteId, ...explainSite(state, site) })),
});

const counted = (contributions: number): string =>
  contributions === 1 ? "1 contribution" : `${contributions} contributions`;

function explainRun(state: RunState): Reason | null {
  const { phase } = state;
  const here = state.sites.filter((site) => site.here).length;
  if (phase.kind === "finished") return { code: "RUN_FINISHED", reason: phase.reason };
  if (phase.kind === "aggregating") {
    const { attempt, contributions } = phase;
    const again = attempt > 1 ? `, try ${attempt}` : "";
    const reason = `merging ${counted(contributions.length)}${again}`;
    return state.paused ?? { code: "AGGREGATING", reason };
  }
  if (phase.kind === "open") {
    const { ready, quorum } = quorumOf(state);
    if (here === 0) return { code: "NO_SITES", reason: "all its sites are away" };
    return phase.warmUp
      ? { code: "WARM_UP", reason: "one site trains the first steps" }
      : { code: "STRETCH_OPEN", reason: `${counted(ready)} of the ${quorum} for a quorum` };
  }
  if (state.paused !== null) return { code: state.paused.code, reason: state.paused.reason };
  if (here === 0) {
    const reason = state.sites.length === 0 ? "no site has joined yet" : "all its sites are away";
    return { code: "NO_SITES", reason };
  }
  return null;
}

function explainSite(state: RunState, site: SiteState): Reason {
  const { phase } = state;
  if (phase.kind === "finished") return { code: "RUN_FINISHED", reason: phase.reason };
  if (!site.here) return site.away ?? { code: "SITE_AWAY", reason: "it left" };
  const stretch = assignmentOf(state, site.siteId);
  if (stretch !== undefined) {
    const { innerSteps, batch, round } = stretch;
    return {
      code: "STRETCH_OPEN",
      reason: `${innerSteps} steps of batch ${batch} in round ${round}`,
    };
  }
  if (phase.kind === "open" && phase.warmUp) {
    return { code: "WARM_UP", reason: "another site trains the first steps alone" };
  }
  if (site.lastOffered?.round === state.round) {
    return { code: "NEXT_ROUND", reason: `its part of round ${state.round} is given` };
  }
  if (phase.kind === "open") {
    return { code: "TOO_LATE_FOR_ROUND", reason: "it gets a stretch when the next round opens" };
  }
  return { code: "NEXT_ROUND", reason: "it gets a stretch when the next round opens" };
}
