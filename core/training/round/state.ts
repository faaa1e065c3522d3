/**
 * The state of one run, as plain JSON data: what a snapshot stores and a replay rebuilds. Lists
 * are sorted by site, so equal histories give equal bytes. Only `apply.ts` changes it.
 */
import type { Link } from "../../pool/index.ts";
import { newPool, type WindowPool, type WindowRange } from "../assignment.ts";
import type { Codec } from "../codec/index.ts";
import type { Reason } from "../codes.ts";
import type { InnerOptimiser } from "../outer.ts";
import type { RateSettings, StopRule } from "../schedule.ts";
import type { SpeedModel } from "../speed.ts";
import type { Standing } from "../trust/standing.ts";

/** What a run is asked to do. Checked at the edge; not changed afterwards. */
export interface RunConfig {
  /** Shape of the model; only sites and aggregator look into it. Plain JSON. */
  readonly model: unknown;
  readonly parameters: number;
  /** Tokens of one window. */
  readonly context: number;
  /** H; absent: chosen from speed and links when the first round opens. */
  readonly innerSteps?: number;
  readonly referenceBatch: number;
  readonly maxBatch: number;
  /** Of the sites; absent: AdamW, or a command's own. */
  readonly optimiser?: InnerOptimiser;
  /** Batches that sites may use; one of them is at most the reference batch. */
  readonly batchSizes: readonly number[];
  /** Absent: chosen by the link of each site. */
  readonly codecUp?: Codec;
  readonly codecDown: Codec;
  /** Steps on one site before the others start; 0: none. */
  readonly warmUpSteps: number;
  readonly learningRate: RateSettings;
  readonly stop: StopRule;
  /** Quorum = max(min, ceil(share x live sites)). */
  readonly quorum: { readonly share: number; readonly min: number };
  /** Windows of the training text, and the seed of their order. */
  readonly data: { readonly windows: number; readonly seed: number };
  readonly gateThresholdNats?: number;
  /** From the first site's arrival to the first round, so that the fastest warms the model up and
   * not the first to come; absent: 0. */
  readonly gatherMs?: number;
  /** Sites at most; absent: as many as the limit allows. */
  readonly maxSites?: number;
  /** The model before the first step; a fork also has the state of aggregator and optimiser. */
  readonly start: {
    readonly modelDigest: string;
    readonly modelBlob: string;
    readonly checkpointBlob?: string;
    readonly momentsBlob?: string;
  };
}

/** What a site is to do in a round. */
export interface Assignment {
  readonly siteId: string;
  readonly round: number;
  readonly innerSteps: number;
  readonly batch: number;
  /** Learning rate at the first step and after the last; in between along a line. */
  readonly lrStart: number;
  readonly lrEnd: number;
  /** Steps of a linear ramp from 0 at the start; 0: none. */
  readonly rampSteps: number;
  readonly dataRange: readonly WindowRange[];
  readonly codec: Codec;
  /** Digest of the sites' copy that the stretch starts from. */
  readonly modelDigest: string;
  readonly assignedMs: number;
  /** Computing and exchange as planned, ms. */
  readonly expectedMs: number;
  /** At this time the site stops and sends what it has. */
  readonly deadlineMs: number;
  /** At this time the pool gives the stretch up. */
  readonly expiresMs: number;
  /** What the site has to fetch before it starts. */
  readonly bytesDown: number;
}

/** An accepted contribution that waits for its merge. */
export interface Contribution {
  /** `site@round`: unique in the run. */
  readonly contributionId: string;
  readonly siteId: string;
  /** The round in which it was assigned; its stretch started from that round's model. */
  readonly round: number;
  readonly tokens: number;
  readonly innerSteps: number;
  readonly batch: number;
  readonly computeMs: number;
  readonly transferMs: number;
  /** Digest of the coded delta. */
  readonly blob: string;
  readonly bytes: number;
  readonly codec: Codec;
  readonly dataRange: readonly WindowRange[];
  readonly meanLoss: number;
  /** Optimiser moments that a joiner may start with, if the site gave them. */
  readonly momentsBlob: string | null;
}

/** A contribution as it is handed to the aggregator. */
export interface ClosingEntry {
  readonly contributionId: string;
  readonly siteId: string;
  readonly round: number;
  readonly blob: string;
  readonly bytes: number;
  readonly codec: Codec;
  readonly tokens: number;
  /** Rounds between its model and this merge. */
  readonly staleness: number;
  /** Its weight if it passes: tokens x staleness factor x (quarantined ? 0 : 1). */
  readonly weight: number;
}

/** A site as the run knows it. */
export interface SiteState extends Standing {
  readonly siteId: string;
  /** Present and not dropped. */
  here: boolean;
  /** Why it is not here, for a person. */
  away: Reason | null;
  sinceMs: number;
  link: Link;
  tokensPerSecondHint: number | null;
  speed: SpeedModel | null;
  /** Weighted mean of measured exchanges, ms. */
  transferMs: number | null;
  lastOffered: { readonly round: number; readonly blob: string } | null;
  /** Round in which it gets no further assignment, since it broke the form. */
  excludedRound: number | null;
  /** Round of the model that it fetched last. */
  modelRound: number | null;
}

/** What a run does at a moment. */
export type Phase =
  | { readonly kind: "idle" }
  | OpenPhase
  | AggregatingPhase
  | { readonly kind: "finished"; readonly atMs: number; readonly reason: FinishReason };

/** A round that sites work for. */
export interface OpenPhase {
  readonly kind: "open";
  readonly warmUp: boolean;
  readonly openedMs: number;
  /** R: the time in which everybody should be done, ms. */
  readonly targetMs: number;
  readonly lrStart: number;
  readonly lrEnd: number;
  readonly quorumAtMs: number | null;
}

/** A round whose contributions lie with the aggregator. */
export interface AggregatingPhase {
  readonly kind: "aggregating";
  readonly warmUp: boolean;
  readonly openedMs: number;
  readonly closedMs: number;
  readonly closeReason: string;
  readonly attempt: number;
  /** Set while a failed try waits for the next one. */
  readonly retryAtMs: number | null;
  readonly contributions: readonly Contribution[];
}

/** Why a run ended. */
export type FinishReason = "stopped" | "rounds reached" | "tokens reached" | "time is up";

/** The newest model. */
export interface ModelRow {
  /** Digest of the sites' copy. */
  readonly digest: string;
  /** The sites' copy in fp32, for joiners. */
  readonly modelBlob: string;
  /** Coded step from the model of the round before; null at the start. */
  readonly stepBlob: string | null;
  readonly stepBytes: number;
  readonly checkpointBlob: string | null;
  readonly momentsBlob: string | null;
  readonly heldOutLoss: number | null;
}

/** Totals of one site, in whole units: for the ledger and the statement. */
export interface SiteTotals {
  readonly siteId: string;
  roundsOffered: number;
  roundsMerged: number;
  refused: number;
  tokensOffered: number;
  tokensMerged: number;
  computeMs: number;
  bytesUp: number;
  bytesDown: number;
}

/** All of it. */
export interface RunState {
  readonly version: 1;
  readonly config: RunConfig;
  nowMs: number;
  phase: Phase;
  /** The round that is open or being merged, or the next one. */
  round: number;
  /** Warm-up is done, or not wanted. */
  warmedUp: boolean;
  /** H of the run, once chosen. */
  innerSteps: number | null;
  paused: (Reason & { readonly sinceMs: number }) | null;
  stopAsked: boolean;
  model: ModelRow;
  sites: SiteState[];
  /** Stretches under way, at most one per site. */
  assignments: Assignment[];
  /** Accepted contributions that are not yet with the aggregator. */
  offered: Contribution[];
  windows: WindowPool;
  /** Start of the run's minutes, moved on by pauses. */
  clockStartMs: number | null;
  /** Start of the cosine: when the first round after warm-up opened, moved on by pauses. */
  scheduleStartMs: number | null;
  roundsMerged: number;
  tokensMerged: number;
  /** Tokens of the warm-up; part of the run's tokens, before its schedule. */
  warmUpTokens: number;
  lastRoundMs: number | null;
  totals: SiteTotals[];
}

/** A run that has not begun. */
export function newRun(config: RunConfig, atMs: number): RunState {
  return {
    version: 1,
    config,
    nowMs: atMs,
    phase: { kind: "idle" },
    // Warm-up is round 0, so that the first round of all sites is round 1.
    round: config.warmUpSteps > 0 ? 0 : 1,
    warmedUp: config.warmUpSteps === 0,
    innerSteps: config.innerSteps ?? null,
    paused: null,
    stopAsked: false,
    model: {
      digest: config.start.modelDigest,
      modelBlob: config.start.modelBlob,
      stepBlob: null,
      stepBytes: 0,
      checkpointBlob: config.start.checkpointBlob ?? null,
      momentsBlob: config.start.momentsBlob ?? null,
      heldOutLoss: null,
    },
    sites: [],
    assignments: [],
    offered: [],
    windows: newPool(config.data.windows, config.data.seed),
    clockStartMs: null,
    scheduleStartMs: null,
    roundsMerged: 0,
    tokensMerged: 0,
    warmUpTokens: 0,
    lastRoundMs: null,
    totals: [],
  };
}

/** Where a key stands in rows that are sorted by it, or where it would stand. */
function placeOf<Row>(rows: readonly Row[], key: string, keyOf: (row: Row) => string): number {
  let from = 0;
  let to = rows.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (keyOf(rows[middle]!) < key) from = middle + 1;
    else to = middle;
  }
  return from;
}

const siteKey = (row: { readonly siteId: string }): string => row.siteId;
const idKey = (row: { readonly contributionId: string }): string => row.contributionId;

/** The row of a site among rows in the order of their sites. */
export function rowOfSite<Row extends { readonly siteId: string }>(
  rows: readonly Row[],
  siteId: string,
): Row | undefined {
  const row = rows[placeOf(rows, siteId, siteKey)];
  return row?.siteId === siteId ? row : undefined;
}

/** Puts a row into rows in the order of their sites, in place. */
export function putBySite<Row extends { readonly siteId: string }>(rows: Row[], row: Row): void {
  rows.splice(placeOf(rows, row.siteId, siteKey), 0, row);
}

/** Takes the row of a site out of rows in the order of their sites, in place. */
export function takeBySite<Row extends { readonly siteId: string }>(
  rows: Row[],
  siteId: string,
): Row | undefined {
  const at = placeOf(rows, siteId, siteKey);
  return rows[at]?.siteId === siteId ? rows.splice(at, 1)[0] : undefined;
}

/** The site by its id, if the run knows it. */
export const siteOf = (state: RunState, siteId: string): SiteState | undefined =>
  rowOfSite(state.sites, siteId);

/** The stretch of a site, if it has one. */
export const assignmentOf = (state: RunState, siteId: string): Assignment | undefined =>
  rowOfSite(state.assignments, siteId);

/** The name of a contribution in rows and events. */
export const contributionId = (siteId: string, round: number): string => `${siteId}@${round}`;

/** The contribution of a site to a round that waits for its merge. */
export function offeredOf(
  state: RunState,
  siteId: string,
  round: number,
): Contribution | undefined {
  const id = contributionId(siteId, round);
  const row = state.offered[placeOf(state.offered, id, idKey)];
  return row?.contributionId === id ? row : undefined;
}

/** Puts a contribution into those that wait, in the order of their ids, in place. */
export function putOffered(state: RunState, contribution: Contribution): void {
  const at = placeOf(state.offered, contribution.contributionId, idKey);
  state.offered.splice(at, 0, contribution);
}
