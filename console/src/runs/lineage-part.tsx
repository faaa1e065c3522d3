// The lineage card of a run's newest model: shown, checked in this browser, and saved as the file
// that `tequio lineage verify` reads.
import type { LineageCard, SignedLineage } from "@tequio/contract";
import { useState } from "react";
import { type Trouble, useClient } from "../api.tsx";
import { duration, whole } from "../format.ts";
import { MODEL_TEXTS } from "../texts/models.ts";
import { TEXTS } from "../texts.ts";
import { Marked, TroubleNote } from "../ui/parts.tsx";
import { saveText } from "../ui/save-file.ts";
import { type Column, Table } from "../ui/table.tsx";
import { type Verdict, verdictOn } from "./card.ts";

type Owner = LineageCard["owners"][number];

/** A button that fetches the card, and the card. */
export function LineagePart(props: { readonly id: string }) {
  const client = useClient();
  const [signed, setSigned] = useState<SignedLineage>();
  const [trouble, setTrouble] = useState<Trouble>();
  const [verdict, setVerdict] = useState<Verdict>();
  async function show(): Promise<void> {
    setVerdict(undefined);
    const reply = await client.call("getLineage", { params: { id: props.id } });
    setTrouble(reply.ok ? undefined : reply);
    setSigned(reply.ok ? reply.value : undefined);
  }
  const save = (card: SignedLineage): void => {
    const { runId, round } = card.card;
    saveText(`${JSON.stringify(card, null, 2)}\n`, `lineage-run-${runId}-round-${round}.json`);
  };
  return (
    <>
      <p className="line">
        <span>{MODEL_TEXTS.lineage}</span>
        <button
          type="button"
          aria-expanded={signed !== undefined}
          onClick={() => (signed === undefined ? void show() : setSigned(undefined))}
        >
          {signed === undefined ? MODEL_TEXTS.show : MODEL_TEXTS.hide}
        </button>
        {signed !== undefined && (
          <>
            <button
              type="button"
              onClick={() => void verdictOn(signed).then((found) => setVerdict(found))}
            >
              {MODEL_TEXTS.verify}
            </button>
            <button type="button" onClick={() => save(signed)}>
              {MODEL_TEXTS.save}
            </button>
          </>
        )}
      </p>
      <TroubleNote trouble={trouble} />
      {signed !== undefined && verdict !== undefined && (
        <p role="status">
          <Marked text={verdictText(verdict, signed.keyId)} />
        </p>
      )}
      {signed !== undefined && <Card signed={signed} />}
    </>
  );
}

const verdictText = (verdict: Verdict, keyId: string): string =>
  verdict === "good" ? MODEL_TEXTS.verdicts.good(keyId) : MODEL_TEXTS.verdicts[verdict];

function Card(props: { readonly signed: SignedLineage }) {
  const { card, keyId } = props.signed;
  const { facts } = MODEL_TEXTS;
  const parents = card.parents.map(({ runId, round }) => MODEL_TEXTS.parent(runId, round));
  const rows: readonly (readonly [string, string])[] = [
    [facts.model, `${card.name}, ${MODEL_TEXTS.round(card.round)}`],
    [facts.digest, card.digest],
    [facts.text, MODEL_TEXTS.source(card.corpus, whole(card.windows), card.seed)],
    [facts.tokens, whole(card.tokens)],
    [facts.loss, card.heldOutLoss?.toFixed(3) ?? TEXTS.none],
    [facts.parents, parents.length === 0 ? MODEL_TEXTS.anew : parents.join("; ")],
    [facts.pool, `${card.pool} (${card.poolId})`],
    [facts.key, keyId],
  ];
  return (
    <>
      <dl className="facts">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <h3>{MODEL_TEXTS.owners}</h3>
      <Table
        caption={MODEL_TEXTS.owners}
        columns={OWNER_COLUMNS}
        rows={card.owners}
        rowKey={({ member }) => member}
      />
    </>
  );
}

const [MEMBER, ROUNDS, TOKENS, COMPUTED, REFUSED] = MODEL_TEXTS.owner;
const OWNER_COLUMNS: readonly Column<Owner>[] = [
  { head: MEMBER, cell: ({ member }) => member },
  { head: ROUNDS, number: true, cell: ({ rounds }) => whole(rounds) },
  { head: TOKENS, number: true, cell: ({ tokens }) => whole(tokens) },
  { head: COMPUTED, number: true, cell: ({ computeMs }) => duration(computeMs) },
  {
    head: REFUSED,
    wide: true,
    cell: ({ refused }) =>
      Object.entries(refused)
        .map(([code, count]) => `${count} × ${code}`)
        .join(", ") || TEXTS.none,
  },
];
