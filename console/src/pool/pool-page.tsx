// The pool at a glance: totals, members, what runs now.
import type { PoolView } from "@tequio/contract";
import { useCall } from "../api.tsx";
import { whole } from "../format.ts";
import { useHolds, useMay } from "../people/who.tsx";
import { href } from "../route.ts";
import { RunsTable } from "../runs/runs-table.tsx";
import { TEXTS } from "../texts.ts";
import { Empty, Panel, Progress, Stat, TroubleNote, Waiting } from "../ui/parts.tsx";
import { InvitePanel } from "./invite.tsx";
import { MemberCard } from "./member-card.tsx";
import { QueuePanel } from "./queue-panel.tsx";

/** Runs that the overview names; the others are on their own page. */
const RUNS_SHOWN = 5;

/** Members that have a card here; the page of members turns pages. */
const MEMBERS_SHOWN = 24;

/** The page behind `#/`. */
export function PoolPage() {
  const pool = useCall("getPool", {});
  const members = useCall(
    "listMembers",
    { query: { limit: MEMBERS_SHOWN } },
    useHolds("members.read"),
  );
  const runs = useCall("listRuns", { query: { limit: RUNS_SHOWN } }, useHolds("runs.read"));
  const mayInvite = useMay("members.invite");
  const mayChange = useMay("pool.change");
  if (pool.data === undefined) return <Waiting trouble={pool.trouble} />;
  return (
    <>
      <h1>{pool.data.name}</h1>
      <TroubleNote trouble={pool.trouble ?? members.trouble ?? runs.trouble} />
      <Totals pool={pool.data} />
      <section className="panel plain">
        <header>
          <h2>{TEXTS.pool.members}</h2>
          <a href={href("members")}>{TEXTS.pool.allNodes}</a>
        </header>
        {members.data === undefined && <Waiting trouble={undefined} />}
        {members.data?.rows.length === 0 && <Empty>{TEXTS.pool.noMembers}</Empty>}
        <div className="cards">
          {members.data?.rows.map((member) => (
            <MemberCard key={member.name} member={member} />
          ))}
        </div>
        {members.data?.nextCursor !== undefined && (
          <a href={href("members")}>{TEXTS.pool.more(pool.data.members - MEMBERS_SHOWN)}</a>
        )}
      </section>
      {runs.data !== undefined && runs.data.rows.length > 0 && (
        <Panel title={TEXTS.pool.newestRuns} actions={<a href={href("runs")}>{TEXTS.all}</a>}>
          <RunsTable rows={runs.data.rows} />
        </Panel>
      )}
      {mayInvite && <InvitePanel />}
      {mayChange && <QueuePanel pool={pool.data} />}
      <p className="muted foot">{TEXTS.pool.version(pool.data.version, pool.data.poolId)}</p>
    </>
  );
}

function Totals(props: { readonly pool: PoolView }) {
  const { pool } = props;
  const used = pool.accelerators - pool.acceleratorsFree;
  const share = pool.accelerators === 0 ? 0 : used / pool.accelerators;
  const jobs = (state: string, count: number) => (
    <a href={href("jobs", undefined, { state })}>{whole(count)}</a>
  );
  return (
    <dl className="stats totals">
      <Stat
        name={TEXTS.pool.acceleratorsInUse}
        value={
          <>
            {whole(used)} / {whole(pool.accelerators)}
            <Progress share={share} label={TEXTS.pool.acceleratorsInUse} />
          </>
        }
      />
      <Stat name={TEXTS.pool.free} value={whole(pool.acceleratorsFree)} />
      <Stat name={TEXTS.pool.queued} value={jobs("queued", pool.jobsQueued)} />
      <Stat name={TEXTS.pool.running} value={jobs("active", pool.jobsRunning)} />
      <Stat name={TEXTS.pool.ended} value={jobs("ended", pool.jobsEnded)} />
      <Stat
        name={TEXTS.pool.membersHere}
        value={`${whole(pool.sitesHere)} / ${whole(pool.members)}`}
      />
    </dl>
  );
}
