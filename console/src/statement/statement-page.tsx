// The statement: who used what, whose it was, and what is owed. By member or by project.
import type { StatementLine, StatementView } from "@tequio/contract";
import { useCall } from "../api.tsx";
import { bytes, clock, credits, dateTime, short, whole } from "../format.ts";
import { href } from "../route.ts";
import { TEXTS } from "../texts.ts";
import { Choice, Empty, Field, Panel, Stat, TroubleNote, Waiting } from "../ui/parts.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { type Group, type GroupBy, groupLines, statementCsv } from "./csv.ts";

const WAYS: readonly (readonly [GroupBy, string])[] = [
  ["member", TEXTS.statement.byMember],
  ["project", TEXTS.statement.byProject],
];
/** How long the address of a downloaded file stays: a slow disk may still read it. */
const DOWNLOAD_MS = 60_000;

const jobColumns = (by: GroupBy): readonly Column<StatementLine>[] => [
  { head: TEXTS.statement.job, cell: (line) => <a href={pageOf(line)}>{line.jobId}</a> },
  { head: TEXTS.statement.name, wide: true, cell: (line) => line.jobName },
  by === "member"
    ? { head: TEXTS.statement.project, cell: (line) => line.project }
    : { head: TEXTS.statement.member, cell: (line) => line.member },
  { head: TEXTS.statement.kind, cell: (line) => TEXTS.kinds[line.kind] },
  { head: TEXTS.statement.attempts, number: true, cell: (line) => whole(line.attempts) },
  { head: TEXTS.statement.tokens, number: true, cell: (line) => short(line.tokens) },
  {
    head: TEXTS.statement.traffic,
    number: true,
    cell: (line) => `${bytes(line.bytesUp)} / ${bytes(line.bytesDown)}`,
  },
  { head: TEXTS.statement.cpuTime, number: true, cell: (line) => clock(line.cpuMs) },
  { head: TEXTS.statement.deviceTime, number: true, cell: (line) => clock(line.deviceMs) },
  { head: TEXTS.statement.credits, number: true, cell: (line) => credits(line.microCredits) },
];

const pageOf = (line: StatementLine): string =>
  href(line.kind === "run" ? "runs" : "jobs", line.jobId);

/** Start of a day as typed, in the reader's zone; undefined when nothing was typed. */
function dayMs(text: string | undefined, daysLater: number): number | undefined {
  const [year, month, day] = (text ?? "").split("-").map(Number);
  if (year === undefined || month === undefined || day === undefined) return undefined;
  const ms = new Date(year, month - 1, day + daysLater).getTime();
  return Number.isFinite(ms) ? ms : undefined;
}

/** The page behind `#/statement`. */
export function StatementPage(props: { readonly query: Readonly<Record<string, string>> }) {
  const { query } = props;
  const { member, project } = query;
  const by: GroupBy = query.by === "project" ? "project" : "member";
  const fromMs = dayMs(query.from, 0);
  const toMs = dayMs(query.to, 1);
  const usage = useCall("getUsage", { query: { member, project, fromMs, toMs } });
  const show = (changes: Record<string, string>) => {
    location.hash = href("statement", undefined, { ...query, ...changes });
  };
  return (
    <>
      <div className="title">
        <h1>{TEXTS.nav.statement}</h1>
        <div className="actions">
          <Choice
            label={TEXTS.statement.group}
            options={WAYS}
            value={by}
            onChange={(next) => show({ by: next })}
          />
          {usage.data !== undefined && (
            <button type="button" onClick={() => download(usage.data!)}>
              {TEXTS.statement.download}
            </button>
          )}
        </div>
      </div>
      <Period query={query} onChange={show} />
      <div className="line">
        {(["member", "project"] as const).map(
          (name) =>
            query[name] !== undefined && (
              <button
                key={name}
                type="button"
                className="filter"
                onClick={() => show({ [name]: "" })}
              >
                {TEXTS.jobs.only(name, query[name])}
              </button>
            ),
        )}
      </div>
      {usage.data === undefined ? (
        <Waiting trouble={usage.trouble} />
      ) : (
        <>
          <TroubleNote trouble={usage.trouble} />
          <Statement statement={usage.data} by={by} />
        </>
      )}
    </>
  );
}

function Period(props: {
  readonly query: Readonly<Record<string, string>>;
  readonly onChange: (changes: Record<string, string>) => void;
}) {
  return (
    <div className="row">
      {(["from", "to"] as const).map((end) => (
        <Field key={end} id={`statement-${end}`} label={TEXTS.statement[end]}>
          <input
            id={`statement-${end}`}
            type="date"
            value={props.query[end] ?? ""}
            onChange={(event) => props.onChange({ [end]: event.target.value })}
          />
        </Field>
      ))}
    </div>
  );
}

function Statement(props: { readonly statement: StatementView; readonly by: GroupBy }) {
  const { statement, by } = props;
  const { totals } = statement;
  const columns = jobColumns(by);
  return (
    <>
      <dl className="stats totals">
        <Stat name={TEXTS.statement.deviceTime} value={clock(totals.deviceMs)} />
        <Stat name={TEXTS.statement.cpuTime} value={clock(totals.cpuMs)} />
        <Stat name={TEXTS.statement.tokens} value={short(totals.tokens)} />
        <Stat
          name={TEXTS.statement.traffic}
          value={`${bytes(totals.bytesUp)} / ${bytes(totals.bytesDown)}`}
        />
        <Stat name={TEXTS.statement.credits} value={credits(totals.microCredits)} />
      </dl>
      {statement.lines.length === 0 && <Empty>{TEXTS.statement.nothing}</Empty>}
      {groupLines(statement.lines, by).map((group) => (
        <GroupPanel key={group.name} group={group} columns={columns} />
      ))}
      <p className="muted foot">{TEXTS.statement.asOf(dateTime(statement.nowMs))}</p>
    </>
  );
}

function GroupPanel(props: {
  readonly group: Group;
  readonly columns: readonly Column<StatementLine>[];
}) {
  const { group, columns } = props;
  const blanks = Array.from({ length: columns.length - 4 }, () => null);
  return (
    <Panel title={group.name}>
      <Table
        caption={group.name}
        columns={columns}
        rows={group.lines}
        rowKey={(line) => `${line.jobId} ${line.member} ${line.project}`}
        foot={[
          TEXTS.statement.total,
          ...blanks,
          clock(group.cpuMs),
          clock(group.deviceMs),
          credits(group.microCredits),
        ]}
      />
    </Panel>
  );
}

/** Hands the statement to the browser as a file. */
function download(statement: StatementView): void {
  const url = URL.createObjectURL(new Blob([statementCsv(statement)], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `tequio-statement-${new Date(statement.nowMs).toISOString().slice(0, 10)}.csv`;
  link.click();
  // The download has begun by then; until then the address must stay.
  setTimeout(() => URL.revokeObjectURL(url), DOWNLOAD_MS);
}
