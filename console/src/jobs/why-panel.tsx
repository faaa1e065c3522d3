// Why a job waits and what would help, why it runs where it runs, or why it ended: the same
// sentences as `tequio why` writes.
import type { WhyLease, WhyView } from "@tequio/contract";
import { useCall, useNow } from "../api.tsx";
import { dateTime, duration, relative, whole } from "../format.ts";
import { href } from "../route.ts";
import { WHY_TEXTS } from "../texts/why.ts";
import { Badge, Panel, TroubleNote, Waiting } from "../ui/parts.tsx";
import { type Column, Table } from "../ui/table.tsx";

type Reason = WhyView["reasons"][number];

const COLUMNS: readonly Column<Reason>[] = [
  { head: WHY_TEXTS.nodes, number: true, cell: (reason) => whole(reason.nodes) },
  { head: WHY_TEXTS.reason, wide: true, cell: (reason) => reason.text },
  { head: WHY_TEXTS.code, cell: (reason) => <code>{reason.code}</code> },
];

/** The answer to "why?" for a job, where it says more than `reason`. */
export function WhyPanel(props: { readonly id: string; readonly reason: string }) {
  const shown = useCall("whyJob", { params: { id: props.id } });
  const why = shown.data;
  if (why === undefined) {
    return (
      <Panel title={WHY_TEXTS.title}>
        <Waiting trouble={shown.trouble} />
      </Panel>
    );
  }
  if (saysNoMore(why, props.reason)) return null;
  return (
    <Panel title={WHY_TEXTS.title}>
      <TroubleNote trouble={shown.trouble} />
      {why.array !== undefined && <p>{why.array.text}</p>}
      <p>{why.summary}</p>
      <Turn why={why} />
      {why.reasons.length > 0 && (
        <Table
          caption={WHY_TEXTS.title}
          columns={COLUMNS}
          rows={why.reasons}
          rowKey={(reason) => `${reason.code} ${reason.text}`}
        />
      )}
      <Changes why={why} />
      {why.leases.map((lease) => (
        <Lease key={lease.leaseId} lease={lease} />
      ))}
    </Panel>
  );
}

/** Its place, what decides that, and when it should start. */
function Turn(props: { readonly why: WhyView }) {
  const { place, waiting, standing, startEstimateMs, startIntervalMs } = props.why;
  const now = useNow(5_000);
  return (
    <>
      <p className="line">
        {place !== undefined && (
          <span>{WHY_TEXTS.place(whole(place), whole(waiting ?? place))}</span>
        )}
        {startEstimateMs !== undefined && (
          <span>{WHY_TEXTS.start(relative(startEstimateMs, now), dateTime(startEstimateMs))}</span>
        )}
        {startIntervalMs !== undefined && (
          <span>
            {WHY_TEXTS.between(
              duration(startIntervalMs[0] - now),
              duration(startIntervalMs[2] - now),
            )}
          </span>
        )}
      </p>
      {standing !== undefined && <p>{WHY_TEXTS.order(standing.text)}</p>}
      <Ahead why={props.why} />
    </>
  );
}

function Ahead(props: { readonly why: WhyView }) {
  const { place = 1, aheadIds = [] } = props.why;
  if (aheadIds.length === 0) return null;
  const more = place - 1 - aheadIds.length;
  return (
    <p>
      {WHY_TEXTS.ahead}{" "}
      {aheadIds.map((id, index) => (
        <span key={id}>
          {index > 0 && ", "}
          <a href={href("jobs", id)}>{id}</a>
        </span>
      ))}
      {more > 0 && WHY_TEXTS.aheadMore(whole(more))}
    </p>
  );
}

function Changes(props: { readonly why: WhyView }) {
  const { changes, hint } = props.why;
  if (changes.length === 0)
    return hint === undefined ? null : (
      <p className="hint">
        <Words text={hint} />
      </p>
    );
  return (
    <div className="hint">
      <p>{WHY_TEXTS.changes}</p>
      <ul>
        {changes.map(({ text }) => (
          <li key={text}>
            <Words text={text} />
          </li>
        ))}
      </ul>
    </div>
  );
}

/** A sentence; what stands between backticks is for a job file or the command line. */
function Words(props: { readonly text: string }) {
  const parts = props.text.split("`");
  return parts.map((part, index) => (index % 2 === 1 ? <code key={part}>{part}</code> : part));
}

function Lease(props: { readonly lease: WhyLease }) {
  const { attempt, member, endsByMs, facts } = props.lease;
  const now = useNow(5_000);
  return (
    <section>
      <h3>
        {WHY_TEXTS.lease(whole(attempt), member)}{" "}
        <Badge state={props.lease.outcome ?? props.lease.state} />
      </h3>
      {endsByMs !== undefined && (
        <p className="line">{WHY_TEXTS.endsBy(relative(endsByMs, now), dateTime(endsByMs))}</p>
      )}
      <ul>
        {facts.map((fact) => (
          <li key={fact}>
            <Words text={fact} />
          </li>
        ))}
      </ul>
    </section>
  );
}

const saysNoMore = (why: WhyView, reason: string): boolean =>
  why.summary === reason &&
  why.reasons.length === 0 &&
  why.leases.length === 0 &&
  why.hint === undefined &&
  why.place === undefined &&
  why.startEstimateMs === undefined;
