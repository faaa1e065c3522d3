// The sites of a member, each with the key by which it speaks: which are here, and a way to revoke
// one that is lost. A new site joins by a command that is made here, too.
import type { CallReply, MemberView, SiteView } from "@tequio/contract";
import { useState } from "react";
import { useAction } from "../api.tsx";
import { dateTime, whole } from "../format.ts";
import { SITE_TEXTS } from "../texts/offers.ts";
import { TEXTS } from "../texts.ts";
import { ConfirmButton } from "../ui/confirm.tsx";
import { CopyText } from "../ui/copy.tsx";
import { Badge, Empty, Moment, Panel, TroubleNote } from "../ui/parts.tsx";
import { type Column, Table } from "../ui/table.tsx";

const columns = (member: string, mayChange: boolean): readonly Column<SiteView>[] => [
  { head: SITE_TEXTS.site, wide: true, cell: ({ siteId }) => <b>{siteId}</b> },
  {
    head: SITE_TEXTS.state,
    cell: ({ state, revoked }) => <Badge state={revoked === true ? "revoked" : state} />,
  },
  { head: SITE_TEXTS.engine, cell: ({ engine }) => engine },
  {
    head: SITE_TEXTS.nodes,
    number: true,
    minor: true,
    cell: ({ nodeCount }) => whole(nodeCount),
  },
  { head: SITE_TEXTS.agent, minor: true, cell: (site) => site.agentVersion ?? TEXTS.none },
  { head: SITE_TEXTS.lastSeen, cell: (site) => <Moment atMs={site.lastSeenMs} /> },
  {
    head: SITE_TEXTS.key,
    cell: (site) => <Key member={member} site={site} mayChange={mayChange} />,
  },
];

function Key(props: {
  readonly member: string;
  readonly site: SiteView;
  readonly mayChange: boolean;
}) {
  const { certificate, revoked, siteId } = props.site;
  return (
    <>
      {certificate !== undefined && (
        <small title={certificate.fingerprint}>
          {certificate.subject}, {SITE_TEXTS.until} {dateTime(certificate.validToMs)}{" "}
        </small>
      )}
      {props.mayChange && revoked !== true && <RevokeKey member={props.member} site={siteId} />}
    </>
  );
}

function RevokeKey(props: { readonly member: string; readonly site: string }) {
  const change = useAction("changeMember");
  const { member, site } = props;
  const body = { action: "revoke-site" as const, site };
  return (
    <ConfirmButton
      label={SITE_TEXTS.revoke}
      title={SITE_TEXTS.revokeTitle(site)}
      explain={SITE_TEXTS.revokeExplain}
      danger
      busy={change.busy}
      trouble={change.trouble}
      onOpen={change.clear}
      act={async () => (await change.run({ params: { name: member }, body })) !== undefined}
    />
  );
}

/** The panel on a member's page. */
export function SitesPanel(props: {
  readonly member: MemberView;
  readonly mayChange: boolean;
  readonly mayInvite: boolean;
}) {
  const { member, mayChange, mayInvite } = props;
  return (
    <Panel title={SITE_TEXTS.title}>
      {member.sites.length === 0 ? (
        <Empty>{SITE_TEXTS.none}</Empty>
      ) : (
        <>
          <p className="muted">{SITE_TEXTS.note}</p>
          <Table
            caption={SITE_TEXTS.title}
            columns={columns(member.name, mayChange)}
            rows={member.sites}
            rowKey={({ siteId }) => siteId}
          />
        </>
      )}
      {mayInvite && <JoinCommand member={member.name} />}
    </Panel>
  );
}

function JoinCommand(props: { readonly member: string }) {
  const invite = useAction("inviteMember");
  const [made, setMade] = useState<CallReply<"inviteMember">>();
  return (
    <>
      {made !== undefined && (
        <div className="made" role="status">
          <p>{TEXTS.invite.once(made.member, dateTime(made.expiresAtMs))}</p>
          <CopyText label={TEXTS.invite.copy} text={made.command} />
          <button type="button" onClick={() => setMade(undefined)}>
            {TEXTS.invite.done}
          </button>
        </div>
      )}
      <p className="line">
        <button
          type="button"
          disabled={invite.busy}
          onClick={() => void invite.run({ body: { name: props.member } }).then(setMade)}
        >
          {SITE_TEXTS.join}
        </button>
        <small>{SITE_TEXTS.joinNote}</small>
      </p>
      <TroubleNote trouble={invite.trouble} />
    </>
  );
}
