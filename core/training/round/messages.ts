/**
 * What goes into the round machine and what comes out. Inputs are facts from the shell with
 * their time; events are decisions, are journalled, and alone change the state.
 */
import type { Link } from "../../pool/index.ts";
import type { AggregateRow } from "../aggregate.ts";
import type { WindowRange } from "../assignment.ts";
import type { Codec } from "../codec/index.ts";
import type { Reason, TrainingCode } from "../codes.ts";
import type { OuterSettings } from "../outer.ts";
import type { Assignment, ClosingEntry, Contribution, FinishReason } from "./state.ts";

interface At {
  readonly atMs: number;
}

/** A site offers what it did. All sizes and times are its claims. */
export interface Offered extends At {
  readonly type: "contribution.offered";
  readonly siteId: string;
  /** The round of its assignment. */
  readonly round: number;
  readonly tokens: number;
  readonly innerSteps: number;
  readonly batch: number;
  readonly computeMs: number;
  readonly transferMs: number;
  readonly blob: string;
  readonly bytes: number;
  readonly codec: Codec;
  readonly modelDigest: string;
  readonly dataRange: readonly WindowRange[];
  readonly meanLoss: number;
  readonly momentsBlob?: string | null;
}

/** The aggregator is done with a round. */
export interface Aggregated extends At {
  readonly type: "round.aggregated";
  readonly round: number;
  /** Digest of the sites' copy after the step. */
  readonly modelDigest: string;
  readonly stepBlob: string | null;
  readonly checkpointBlob: string | null;
  readonly modelBlob: string;
  readonly heldOutLoss: number | null;
  /** Bytes of the coded step that each site fetches. */
  readonly bytesDown: number;
  readonly rows: readonly AggregateRow[];
}

/** Facts from the shell. */
export type RunInput =
  | (At & {
      readonly type: "site.available";
      readonly siteId: string;
      readonly link: Link;
      readonly tokensPerSecondHint?: number | null;
    })
  | (At & { readonly type: "site.gone"; readonly siteId: string })
  | Offered
  | Aggregated
  | (At & {
      readonly type: "aggregation.failed";
      readonly round: number;
      readonly reason: string;
    })
  | (At & { readonly type: "tick" | "pause" | "resume" | "stop" });

/** A site that gets no stretch in a round, and why. */
export interface SittingOut extends Reason {
  readonly siteId: string;
}

/** A round begins: sites fetch the model and do what they are assigned. */
export interface RoundOpened extends At {
  readonly type: "round.opened";
  readonly round: number;
  readonly warmUp: boolean;
  readonly targetMs: number;
  readonly innerSteps: number;
  readonly lrStart: number;
  readonly lrEnd: number;
  readonly modelDigest: string;
  readonly modelBlob: string;
  readonly stepBlob: string | null;
  /** For a site without moments of its own: these, or else a ramp of so many steps. */
  readonly momentsBlob: string | null;
  readonly joinerRampSteps: number;
  readonly assignments: readonly Assignment[];
  readonly sittingOut: readonly SittingOut[];
}

/** The aggregator is to work: decode, clip, gate, merge, step, store, and report back. */
export interface RoundClosing extends At {
  readonly type: "round.closing";
  readonly round: number;
  readonly warmUp: boolean;
  readonly attempt: number;
  readonly reason: string;
  readonly outer: OuterSettings;
  readonly thresholdNats: number;
  readonly codecDown: Codec;
  readonly contributions: readonly ClosingEntry[];
}

/** One contribution in the row of its round. */
export interface MergedRow extends Omit<AggregateRow, "reason"> {
  readonly round: number;
  readonly tokens: number;
  readonly staleness: number;
  /** What it counted; 0 when it did not. */
  readonly weight: number;
  /** weight / sum of weights; 0 when nothing counted. */
  readonly share: number;
  /** Why it did not count. */
  readonly code: TrainingCode | null;
  readonly reason: string | null;
}

/** A round is over. */
export interface RoundMerged extends At {
  readonly type: "round.merged";
  readonly round: number;
  readonly warmUp: boolean;
  readonly modelDigest: string;
  readonly stepBlob: string | null;
  readonly checkpointBlob: string | null;
  readonly modelBlob: string;
  readonly momentsBlob: string | null;
  readonly heldOutLoss: number | null;
  readonly bytesDown: number;
  readonly tokens: number;
  readonly durationMs: number;
  readonly rows: readonly MergedRow[];
}

/** Decisions. `apply` folds them into the state. */
export type RunEvent =
  | (At & {
      readonly type: "site.joined";
      readonly siteId: string;
      readonly link: Link;
      readonly tokensPerSecondHint: number | null;
    })
  | (At & Reason & { readonly type: "site.refused"; readonly siteId: string })
  | (At & { readonly type: "site.left"; readonly siteId: string })
  /** Its stretch is void and its data go to others; it is back when it announces itself. */
  | (At &
      Reason & { readonly type: "site.dropped"; readonly siteId: string; readonly round: number })
  | RoundOpened
  | (At & { readonly type: "site.assigned"; readonly assignment: Assignment })
  | (At & { readonly type: "contribution.accepted"; readonly contribution: Contribution })
  | (At &
      Reason & {
        readonly type: "contribution.refused";
        readonly contributionId: string;
        readonly siteId: string;
        readonly round: number;
        readonly blob: string;
        /** The stretch is void and its data go to others. */
        readonly stretchVoid: boolean;
      })
  | (At & {
      readonly type: "round.quorum";
      readonly round: number;
      readonly ready: number;
      readonly quorum: number;
    })
  | RoundClosing
  | (At & {
      readonly type: "aggregation.failed";
      readonly round: number;
      readonly attempt: number;
      readonly reason: string;
      readonly retryAtMs: number | null;
    })
  | RoundMerged
  | (At & Reason & { readonly type: "round.abandoned"; readonly round: number })
  | (At & {
      readonly type: "site.quarantined" | "site.readmitted";
      readonly siteId: string;
      readonly round: number;
      readonly reason: string;
    })
  | (At & Reason & { readonly type: "run.paused" })
  | (At & { readonly type: "run.resumed" })
  | (At & { readonly type: "run.stopping" })
  | (At & { readonly type: "run.finished"; readonly reason: FinishReason });
