// Every site and node of the members, and the projects that share the pool.
import type { MemberView, SiteView } from "@tequio/contract";
import { useCall } from "../api.tsx";
import { clock, cores, credits, memory, whole } from "../format.ts";
import { href } from "../route.ts";
import { TEXTS } from "../texts.ts";
import { Badge, Empty, Moment, Panel, TroubleNote, Waiting } from "../ui/parts.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { InvitePanel } from "./invite.tsx";
import { MemberActions } from "./member-actions.tsx";
import { groupAccelerators, memberState } from "./member-state.ts";
import { ProjectsPanel } from "./projects.tsx";

/** The page behind `#/members`. */
export function MembersPage() {
  const members = useCall("listMembers", {});
  if (members.data === undefined) return <Waiting trouble={members.trouble} />;
  return (
    <>
      <h1>{TEXTS.nav.members}</h1>
      <TroubleNote trouble={members.trouble} />
      {members.data.rows.length === 0 && <Empty>{TEXTS.pool.noMembers}</Empty>}
      {members.data.rows.map((member) => (
        <MemberPanel key={member.name} member={member} />
      ))}
      <InvitePanel />
      <ProjectsPanel />
    </>
  );
}

function MemberPanel(props: { readonly member: MemberView }) {
  const { member } = props;
  return (
    <Panel title={member.name} actions={<MemberActions member={member} />}>
      <p className="line">
        <Badge state={memberState(member)} />
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

type Node = SiteView["nodes"][number];

const COLUMNS: readonly Column<Node>[] = [
  { head: TEXTS.members.node, cell: (node) => <b>{node.name}</b> },
  { head: TEXTS.members.system, cell: (node) => `${node.os} ${node.arch}` },
  { head: TEXTS.members.accelerators, wide: true, cell: (node) => devices(node) },
  {
    head: TEXTS.members.free,
    number: true,
    cell: (node) => `${whole(node.freeAccelerators)} / ${whole(node.accelerators.length)}`,
  },
  {
    head: TEXTS.members.cores,
    number: true,
    cell: (node) => `${cores(node.freeMilliCpu)} / ${cores(node.milliCpu)}`,
  },
  {
    head: TEXTS.members.memory,
    number: true,
    cell: (node) => `${memory(node.freeMemoryMiB)} / ${memory(node.memoryMiB)}`,
  },
];

const devices = (node: Node): string =>
  groupAccelerators([node])
    .map(({ count, vendor, model, memoryMiB }) => {
      const size = memoryMiB > 0 ? ` (${memory(memoryMiB)})` : "";
      return `${count} × ${vendor} ${model}${size}`;
    })
    .join(", ") || TEXTS.none;

function SiteNodes(props: { readonly site: SiteView }) {
  const { site } = props;
  return (
    <>
      <p className="line">
        <b>{site.siteId}</b>
        <Badge state={site.state} />
        <span>{TEXTS.pool.site(site.engine, site.nodes.length)}</span>
        {site.agentVersion !== undefined && <span>{TEXTS.members.agent(site.agentVersion)}</span>}
        <span>
          {TEXTS.pool.lastSeen} <Moment atMs={site.lastSeenMs} />
        </span>
      </p>
      {site.nodes.length > 0 && (
        <Table
          caption={TEXTS.members.nodesOf(site.siteId)}
          columns={COLUMNS}
          rows={site.nodes}
          rowKey={(node) => node.name}
        />
      )}
    </>
  );
}
