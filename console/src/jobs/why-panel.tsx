// Why a job waits or runs where it runs: the reasons by how many nodes they rule out.
import type { WhyView } from "@tequio/contract";
import { useCall, useNow } from "../api.tsx";
import { dateTime, relative, whole } from "../format.ts";
import { TEXTS } from "../texts.ts";
import { Panel, TroubleNote, Waiting } from "../ui/parts.tsx";
import { type Column, Table } from "../ui/table.tsx";

type Reason = WhyView["reasons"][number];

const COLUMNS: readonly Column<Reason>[] = [
  { head: TEXTS.why.nodes, number: true, cell: (reason) => whole(reason.nodes) },
  { head: TEXTS.why.reason, wide: true, cell: (reason) => reason.text },
  { head: TEXTS.why.code, cell: (reason) => <code>{reason.code}</code> },
];

/** The answer to "why?" for a job that has not ended, where it says more than `reason`. */
export function WhyPanel(props: { readonly id: string; readonly reason: string }) {
  const shown = useCall("whyJob", { params: { id: props.id } });
  const now = useNow(5_000);
  const why = shown.data;
  if (why === undefined) {
    return (
      <Panel title={TEXTS.why.title}>
        <Waiting trouble={shown.trouble} />
      </Panel>
    );
  }
  if (saysNoMore(why, props.reason)) return null;
  return (
    <Panel title={TEXTS.why.title}>
      <TroubleNote trouble={shown.trouble} />
      <p>{why.summary}</p>
      <p className="line">
        {why.place !== undefined && (
          <span>{TEXTS.why.place(whole(why.place), whole(why.waiting ?? why.place))}</span>
        )}
        {why.startEstimateMs !== undefined && (
          <span>
            {TEXTS.why.start(relative(why.startEstimateMs, now), dateTime(why.startEstimateMs))}
          </span>
        )}
      </p>
      {why.reasons.length > 0 && (
        <Table
          caption={TEXTS.why.title}
          columns={COLUMNS}
          rows={[...why.reasons].sort((a, b) => b.nodes - a.nodes)}
          rowKey={(reason) => `${reason.code} ${reason.text}`}
        />
      )}
      {why.hint !== undefined && <p className="hint">{why.hint}</p>}
    </Panel>
  );
}

const saysNoMore = (why: WhyView, reason: string): boolean =>
  why.summary === reason &&
  why.reasons.length === 0 &&
  why.hint === undefined &&
  why.place === undefined &&
  why.startEstimateMs === undefined;
