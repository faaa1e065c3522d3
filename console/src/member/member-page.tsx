// One member: what it lends and on which terms, its maintenance windows, its sites and its people.
import { useState } from "react";
import { useCall } from "../api.tsx";
import { clock, credits, whole } from "../format.ts";
import { ScopePeople } from "../people/scope-people.tsx";
import { IfHolds, useMay } from "../people/who.tsx";
import { MemberActions } from "../pool/member-actions.tsx";
import { memberState } from "../pool/member-state.ts";
import { NODE_COLUMNS } from "../pool/node-columns.tsx";
import { href } from "../route.ts";
import { SITE_TEXTS } from "../texts/offers.ts";
import { TEXTS } from "../texts.ts";
import { Pages } from "../ui/pages.tsx";
import { Badge, Panel, Stat, TroubleNote, Waiting } from "../ui/parts.tsx";
import { Table } from "../ui/table.tsx";
import { MaintenancePanel } from "./maintenance-panel.tsx";
import { OfferPanels } from "./offer-panel.tsx";
import { SitesPanel } from "./sites-panel.tsx";

/** Nodes of one page: what a reader takes in before turning it. */
const NODES = 50;

/** The page behind `#/members/NAME`. */
export function MemberPage(props: { readonly name: string }) {
  const { name } = props;
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const shown = useCall("getMember", {
    params: { name },
    query: { cursor: cursors.at(-1), limit: NODES },
  });
  const mayOffer = useMay("offers.change", { member: name });
  const mayChange = useMay("members.change", { member: name });
  const mayInvite = useMay("members.invite", { member: name });
  const member = shown.data;
  if (member === undefined) return <Waiting trouble={shown.trouble} />;
  const sites = member.sites.map(({ siteId }) => siteId);
  const used = member.accelerators - member.acceleratorsFree;
  return (
    <>
      <div className="title">
        <h1>
          {name} <Badge state={memberState(member)} />
        </h1>
        <MemberActions member={member} />
      </div>
      <TroubleNote trouble={shown.trouble} />
      <dl className="stats totals">
        <Stat
          name={TEXTS.pool.acceleratorsInUse}
          value={`${whole(used)} / ${whole(member.accelerators)}`}
        />
        <Stat
          name={TEXTS.pool.runningJobs}
          value={
            <a href={href("jobs", undefined, { state: "active", member: name })}>
              {whole(member.runningJobs)}
            </a>
          }
        />
        <Stat name={TEXTS.members.deviceTime} value={clock(member.deviceMs)} />
        <Stat name={TEXTS.pool.earned} value={credits(member.earnedMicroCredits)} />
      </dl>
      <OfferPanels member={name} sites={sites} mayChange={mayOffer} />
      <MaintenancePanel member={name} sites={sites} mayChange={mayOffer} />
      <SitesPanel member={member} mayChange={mayChange} mayInvite={mayInvite} />
      {member.nodes.length > 0 && (
        <Panel title={SITE_TEXTS.nodes}>
          <Table
            caption={SITE_TEXTS.nodes}
            columns={NODE_COLUMNS}
            rows={member.nodes}
            rowKey={(node) => `${node.name} ${node.site}`}
          />
          <Pages cursors={cursors} next={member.nextCursor} onTurn={setCursors} />
        </Panel>
      )}
      <IfHolds what="users.read">
        <ScopePeople kind="member" name={name} above={[]} />
      </IfHolds>
    </>
  );
}
