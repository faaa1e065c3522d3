// The rounds of a run, latest first, each with what its members contributed and what became of it.
import type { RoundView } from "@tequio/contract";
import { useState } from "react";
import { bytes, duration, part, short, timeOfDay, whole } from "../format.ts";
import { TEXTS } from "../texts.ts";
import { Badge, Empty, Panel } from "../ui/parts.tsx";
import { inOrder } from "./series.ts";

/** Rounds shown at first, and how many more each time. */
const ROUNDS_STEP = 10;

/** The table of rounds; a round's contributions stand below it. */
export function RoundsPanel(props: { readonly rounds: readonly RoundView[] }) {
  const [limit, setLimit] = useState(ROUNDS_STEP);
  const latest = [...inOrder(props.rounds)].reverse();
  return (
    <Panel title={TEXTS.rounds.title}>
      {latest.length === 0 ? (
        <Empty>{TEXTS.rounds.nothing}</Empty>
      ) : (
        <div className="scroll">
          <table className="rounds">
            <caption className="unseen">{TEXTS.rounds.title}</caption>
            <thead>
              <tr>
                {TEXTS.rounds.heads.map((head, i) => (
                  <th key={head} scope="col" className={i > 0 && i < LAST ? "number" : undefined}>
                    {head}
                  </th>
                ))}
              </tr>
            </thead>
            {latest.slice(0, limit).map((round) => (
              <Round key={`${round.phase} ${round.round}`} round={round} />
            ))}
          </table>
        </div>
      )}
      {latest.length > limit && (
        <button type="button" onClick={() => setLimit(limit + ROUNDS_STEP)}>
          {TEXTS.rounds.more(latest.length - limit)}
        </button>
      )}
    </Panel>
  );
}

const LAST = TEXTS.rounds.heads.length - 1;

function Round(props: { readonly round: RoundView }) {
  const { round } = props;
  const weights = round.rows.reduce((sum, row) => sum + row.weight, 0);
  const [, tokensHead, stepsHead, computeHead, transferHead, upHead, weightHead, endHead] =
    TEXTS.rounds.heads;
  return (
    <tbody>
      <tr className="round">
        <th scope="rowgroup" colSpan={LAST + 1}>
          <b>{TEXTS.rounds.round(round.round)}</b>
          {round.phase === "warm-up" && <Badge state="warm-up" />}
          {round.heldOutLoss !== undefined && (
            <span>{TEXTS.rounds.loss(round.heldOutLoss.toFixed(3))}</span>
          )}
          <span className="muted">
            {TEXTS.rounds.merged(
              timeOfDay(round.mergedAtMs),
              duration(round.mergedAtMs - round.openedAtMs),
            )}
          </span>
        </th>
      </tr>
      {round.rows.map((row, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a member may give twice to one round.
        <tr key={i}>
          <td data-head={TEXTS.rounds.heads[0]}>{row.member}</td>
          <td data-head={tokensHead} className="number">
            {whole(row.tokens)}
          </td>
          <td data-head={stepsHead} className="number">
            {row.innerSteps} × {row.batch}
          </td>
          <td data-head={computeHead} className="number">
            {duration(row.computeMs)}
          </td>
          <td data-head={transferHead} className="number">
            {duration(row.transferMs)}
          </td>
          <td data-head={upHead} className="number">
            {bytes(row.bytesUp)} / {bytes(row.bytesDown)}
          </td>
          <td data-head={weightHead} className="number" title={TEXTS.rounds.norm(short(row.norm))}>
            {weights > 0 ? part(row.weight / weights) : short(row.weight)}
          </td>
          <td data-head={endHead}>
            <Verdict verdict={row.verdict} />
          </td>
        </tr>
      ))}
    </tbody>
  );
}

/** What became of a contribution; the pool says why where it was not merged. */
function Verdict(props: { readonly verdict: string }) {
  if (props.verdict === "merged") return <Badge state="merged" />;
  return (
    <span className="verdict">
      <Badge state={TEXTS.rounds.notMerged} />
      <small>{props.verdict}</small>
    </span>
  );
}
