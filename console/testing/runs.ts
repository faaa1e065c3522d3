// A spanning run of the fake pool that learns: a new round each time it is asked for one.
import type { RoundView, RunDetail } from "@tequio/contract";

const ROUND_MS = 4_200;
const ROUNDS_AT_START = 24;
const ROUNDS_PLANNED = 60;
/** Loss of a model that knows nothing about bytes: the natural logarithm of 256. */
const LOSS_BEFORE = 5.545;

interface Giver {
  readonly member: string;
  readonly tokensPerSecond: number;
  readonly batch: number;
  readonly from: number;
}

const GIVERS: readonly Giver[] = [
  { member: "aurora", tokensPerSecond: 41_000, batch: 64, from: 0 },
  { member: "basalt", tokensPerSecond: 23_500, batch: 32, from: 0 },
  { member: "cedar", tokensPerSecond: 9_800, batch: 16, from: 9 },
];

/** A figure between 0 and 1 that looks like chance and is the same each time. */
const wobble = (a: number, b: number): number => Math.abs(Math.sin(a * 12.9898 + b * 78.233) % 1);

function makeRound(round: number, startMs: number): RoundView {
  const openedAtMs = startMs + round * ROUND_MS;
  const givers = GIVERS.filter((giver) => giver.from <= round);
  return {
    round,
    phase: round < 2 ? "warm-up" : "pooled",
    openedAtMs,
    mergedAtMs: openedAtMs + ROUND_MS,
    heldOutLoss: 1.42 + 4.1 * Math.exp(-round / 7) + 0.03 * wobble(round, 3),
    rows: (round < 2 ? givers.slice(0, 1) : givers).map((giver, i) => {
      const part = 0.9 + 0.1 * wobble(round, i);
      const computeMs = ROUND_MS * 0.82 * part;
      const late = giver.member === "basalt" && round === 17;
      return {
        member: giver.member,
        tokens: Math.round((giver.tokensPerSecond * computeMs) / 1_000),
        batch: giver.batch,
        innerSteps: 20,
        computeMs,
        transferMs: ROUND_MS * 0.12 * (i + 1) * 0.6,
        bytesUp: 418_000 + 900 * i,
        bytesDown: 428_000,
        weight: late ? 0 : giver.tokensPerSecond / 74_300,
        norm: 0.8 + wobble(round, i),
        verdict: late ? "late" : "merged",
      };
    }),
  };
}

/** The run after so many further rounds. */
export function makeRun(nowMs: number, more: number): RunDetail {
  const startedAtMs = nowMs - ROUNDS_AT_START * ROUND_MS;
  const count = Math.min(ROUNDS_PLANNED, ROUNDS_AT_START + more);
  const rounds = Array.from({ length: count }, (_, i) => makeRound(i, startedAtMs));
  const rowsOf = (member: string) =>
    rounds.flatMap((round) => round.rows.filter((row) => row.member === member));
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const members = GIVERS.map((giver) => {
    const rows = rowsOf(giver.member);
    return {
      member: giver.member,
      siteId: `${giver.member}-1`,
      state: giver.member === "cedar" ? ("waiting" as const) : ("training" as const),
      tokens: sum(rows.map((row) => row.tokens)),
      tokensPerSecond: giver.tokensPerSecond,
      rounds: rows.length,
      bytesUp: sum(rows.map((row) => row.bytesUp)),
      bytesDown: sum(rows.map((row) => row.bytesDown)),
      computeMs: sum(rows.map((row) => row.computeMs)),
      deviceMs: Math.round(sum(rows.map((row) => row.computeMs + row.transferMs))) * 8,
      batch: giver.batch,
    };
  });
  return {
    id: "21",
    name: "sotu-small",
    project: "climate",
    state: "training",
    reason: "3 members train; round 24 is open.",
    parameters: 1_842_176,
    model: { vocab: 256, context: 128, width: 192, layers: 4, heads: 6 },
    startedAtMs,
    round: count,
    tokens: sum(members.map((member) => member.tokens)),
    progress: count / ROUNDS_PLANNED,
    endEstimateMs: nowMs + (ROUNDS_PLANNED - count) * ROUND_MS,
    lossBefore: LOSS_BEFORE,
    lossNow: rounds.at(-1)!.heldOutLoss,
    bytesUp: sum(members.map((member) => member.bytesUp)),
    bytesDown: sum(members.map((member) => member.bytesDown)),
    members,
    rounds,
    sites: [
      { siteId: "S1", member: "uni-lab", taken: true, text: "site S1 takes part" },
      { siteId: "S9", member: "attic", taken: false, text: "site S9 left out: its link is slow" },
    ],
  };
}
