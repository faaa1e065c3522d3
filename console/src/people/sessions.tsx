// Open sessions of a user: which browser, since when, last used; each can be ended, and all
// others at once.
import type { SessionView } from "@tequio/contract";
import { useAction, useCall } from "../api.tsx";
import { ACCOUNT_TEXTS } from "../texts/sign-in.ts";
import { ConfirmButton } from "../ui/confirm.tsx";
import { Badge, Empty, Moment, Panel, TroubleNote, Waiting } from "../ui/parts.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { agentName } from "./agent-name.ts";

const columns = (mayEnd: boolean): readonly Column<SessionView>[] => [
  {
    head: ACCOUNT_TEXTS.agent,
    wide: true,
    cell: ({ agent }) => <span title={agent}>{agentName(agent)}</span>,
  },
  { head: ACCOUNT_TEXTS.how, cell: ({ how }) => ACCOUNT_TEXTS.hows[how] },
  { head: ACCOUNT_TEXTS.since, cell: (one) => <Moment atMs={one.createdAtMs} /> },
  { head: ACCOUNT_TEXTS.lastUsed, cell: (one) => <Moment atMs={one.lastUsedMs} /> },
  {
    head: ACCOUNT_TEXTS.ends,
    cell: (one) => <Moment atMs={Math.min(one.expiresAtMs, one.idleEndsAtMs)} />,
  },
  {
    head: ACCOUNT_TEXTS.end,
    cell: (one) => {
      if (one.current) return <Badge state={ACCOUNT_TEXTS.current} />;
      return mayEnd ? <EndSession session={one} /> : null;
    },
  },
];

function EndSession(props: { readonly session: SessionView }) {
  const end = useAction("endSession");
  const { sessionId } = props.session;
  return (
    <ConfirmButton
      label={ACCOUNT_TEXTS.end}
      title={ACCOUNT_TEXTS.endTitle}
      explain={ACCOUNT_TEXTS.endExplain}
      danger
      busy={end.busy}
      trouble={end.trouble}
      onOpen={end.clear}
      act={async () => (await end.run({ params: { id: sessionId } })) !== undefined}
    />
  );
}

/** The panel; `own` leaves the session of the reader out of "everywhere". */
export function SessionsPanel(props: {
  readonly user: string;
  readonly own: boolean;
  readonly mayEnd: boolean;
}) {
  const { user, own, mayEnd } = props;
  const sessions = useCall("listSessions", { query: { user } });
  const end = useAction("endSessions");
  const rows = sessions.data?.rows ?? [];
  const others = rows.filter(({ current }) => !current);
  const body = own ? { keepCurrent: true } : { user, keepCurrent: false };
  const endAll = (
    <ConfirmButton
      label={own ? ACCOUNT_TEXTS.endAll : ACCOUNT_TEXTS.endAllLabel}
      title={own ? ACCOUNT_TEXTS.endAllTitle : ACCOUNT_TEXTS.endAllOf(user)}
      explain={ACCOUNT_TEXTS.endAllExplain}
      danger
      disabled={others.length === 0}
      busy={end.busy}
      trouble={end.trouble}
      onOpen={end.clear}
      act={async () => (await end.run({ body })) !== undefined}
    />
  );
  return (
    <Panel title={ACCOUNT_TEXTS.sessions} actions={mayEnd && endAll}>
      <TroubleNote trouble={sessions.data === undefined ? undefined : sessions.trouble} />
      {sessions.data === undefined && <Waiting trouble={sessions.trouble} />}
      {sessions.data !== undefined && rows.length === 0 && (
        <Empty>{ACCOUNT_TEXTS.noSessions}</Empty>
      )}
      {rows.length > 0 && (
        <Table
          caption={ACCOUNT_TEXTS.sessions}
          columns={columns(mayEnd)}
          rows={rows}
          rowKey={(one) => one.sessionId}
        />
      )}
    </Panel>
  );
}
