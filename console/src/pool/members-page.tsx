// The members with their sites and first nodes; a member's own page has the rest.
import type { MemberView, SiteView } from "@tequio/contract";
import { useState } from "react";
import { useCall } from "../api.tsx";
import { clock, credits } from "../format.ts";
import { useMay } from "../people/who.tsx";
import { href } from "../route.ts";
import { TEXTS } from "../texts.ts";
import { Pages } from "../ui/pages.tsx";
import { Badge, Empty, Moment, Panel, TroubleNote, Waiting } from "../ui/parts.tsx";
import { Table } from "../ui/table.tsx";
import { InvitePanel } from "./invite.tsx";
import { MemberActions } from "./member-actions.tsx";
import { memberState } from "./member-state.ts";
import { NODE_COLUMNS } from "./node-columns.tsx";

/** Members of one page: each is a panel with a table. */
const ROWS = 20;

/** The page behind `#/members`. */
export function MembersPage() {
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const members = useCall("listMembers", { query: { cursor: cursors.at(-1), limit: ROWS } });
  const mayInvite = useMay("members.invite");
  if (members.data === undefined) return <Waiting trouble={members.trouble} />;
  return (
    <>
      <h1>{TEXTS.nav.members}</h1>
      <TroubleNote trouble={members.trouble} />
      {members.data.rows.length === 0 && <Empty>{TEXTS.pool.noMembers}</Empty>}
      {members.data.rows.map((member) => (
        <MemberPanel key={member.name} member={member} />
      ))}
      <Pages cursors={cursors} next={members.data.nextCursor} onTurn={setCursors} />
      {mayInvite && <InvitePanel />}
    </>
  );
}

function MemberPanel(props: { readonly member: MemberView }) {
  const { member } = props;
  return (
    <Panel title={member.name} actions={<MemberActions member={member} />}>
      <p className="line">
        <Badge state={memberState(member)} />
        <a href={href("members", member.name)}>{TEXTS.members.terms}</a>
        <span>
          {TEXTS.pool.invited} <Moment atMs={member.invitedAtMs} />
        </span>
        <span>{TEXTS.members.lent(clock(member.deviceMs))}</span>
        <a href={href("statement", undefined, { member: member.name })}>
          {TEXTS.members.earned(credits(member.earnedMicroCredits))}
        </a>
      </p>
      {member.sites.map((site) => (
        <SiteNodes key={site.siteId} site={site} />
      ))}
    </Panel>
  );
}

function SiteNodes(props: { readonly site: SiteView }) {
  const { site } = props;
  return (
    <>
      <p className="line">
        <b>{site.siteId}</b>
        <Badge state={site.state} />
        <span>{TEXTS.pool.site(site.engine, site.nodeCount)}</span>
        {site.agentVersion !== undefined && <span>{TEXTS.members.agent(site.agentVersion)}</span>}
        <span>
          {TEXTS.pool.lastSeen} <Moment atMs={site.lastSeenMs} />
        </span>
      </p>
      {site.nodes.length > 0 && (
        <Table
          caption={TEXTS.members.nodesOf(site.siteId)}
          columns={NODE_COLUMNS}
          rows={site.nodes}
          rowKey={(node) => node.name}
        />
      )}
      {site.nodeCount > site.nodes.length && (
        <p>
          <a href={href("members", site.member)}>
            {TEXTS.members.allNodes(site.nodes.length, site.nodeCount)}
          </a>
        </p>
      )}
    </>
  );
}
