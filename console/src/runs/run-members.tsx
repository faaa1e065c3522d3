// What each member gives to a run: the table beside the charts.
import type { RunDetail } from "@tequio/contract";
import { bytes, clock, part, short, whole } from "../format.ts";
import { TEXTS } from "../texts.ts";
import { LINE_COLOURS } from "../ui/chart.tsx";
import { Badge, Empty, Panel } from "../ui/parts.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { memberNames } from "./series.ts";

interface Row {
  readonly member: RunDetail["members"][number];
  readonly colour: number;
  /** Part of all tokens that the members trained on, 0 to 1. */
  readonly share: number;
}

const COLUMNS: readonly Column<Row>[] = [
  {
    head: TEXTS.runMembers.member,
    cell: ({ member, colour }) => (
      <span>
        <i className={`swatch line-${colour % LINE_COLOURS}`} aria-hidden="true" />
        <b>{member.member}</b>
      </span>
    ),
  },
  { head: TEXTS.runMembers.state, cell: ({ member }) => <Badge state={member.state} /> },
  { head: TEXTS.runMembers.batch, number: true, cell: ({ member }) => known(member.batch, whole) },
  {
    head: TEXTS.runMembers.speed,
    number: true,
    cell: ({ member }) => known(speedOf(member), short),
  },
  { head: TEXTS.runMembers.tokens, number: true, cell: ({ member }) => short(member.tokens) },
  { head: TEXTS.runMembers.share, number: true, minor: true, cell: ({ share }) => part(share) },
  {
    head: TEXTS.runMembers.rounds,
    number: true,
    minor: true,
    cell: ({ member }) => whole(member.rounds),
  },
  { head: TEXTS.runMembers.up, number: true, cell: ({ member }) => bytes(member.bytesUp) },
  { head: TEXTS.runMembers.down, number: true, cell: ({ member }) => bytes(member.bytesDown) },
  {
    head: TEXTS.runMembers.compute,
    number: true,
    minor: true,
    cell: ({ member }) => clock(member.computeMs),
  },
  { head: TEXTS.runMembers.device, number: true, cell: ({ member }) => clock(member.deviceMs) },
];

/** What nobody has measured or given out yet is not zero. */
const known = (value: number, format: (value: number) => string): string =>
  value > 0 ? format(value) : TEXTS.none;

/** The speed now; of a member that has no part any more, its mean while it computed. */
function speedOf(member: Row["member"]): number {
  const { tokensPerSecond, tokens, computeMs } = member;
  return tokensPerSecond > 0 || computeMs === 0 ? tokensPerSecond : (tokens * 1_000) / computeMs;
}

/** Why sites take part or, with room to spare, do not. */
function SiteChoices(props: { readonly sites: RunDetail["sites"] }) {
  if (props.sites.length === 0) return null;
  return (
    <ul className="muted">
      {props.sites.map(({ siteId, member, text }) => (
        <li key={siteId}>
          {member}: {text}
        </li>
      ))}
    </ul>
  );
}

/** The table of a run's members. */
export function RunMembers(props: { readonly run: RunDetail }) {
  const { run } = props;
  const names = memberNames(run);
  const tokens = run.members.reduce((sum, member) => sum + member.tokens, 0);
  const rows = run.members
    .map((member) => ({
      member,
      colour: names.indexOf(member.member),
      share: tokens === 0 ? 0 : member.tokens / tokens,
    }))
    .sort((a, b) => a.colour - b.colour);
  return (
    <Panel title={TEXTS.runMembers.title}>
      {rows.length === 0 ? (
        <Empty>{TEXTS.runMembers.nobody}</Empty>
      ) : (
        <Table
          caption={TEXTS.runMembers.title}
          columns={COLUMNS}
          rows={rows}
          rowKey={({ member }) => `${member.member} ${member.siteId}`}
        />
      )}
      <SiteChoices sites={run.sites} />
    </Panel>
  );
}
