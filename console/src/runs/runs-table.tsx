// A list of runs, used by the overview and by the page of runs.
import type { RunView } from "@tequio/contract";
import { percent, short, whole } from "../format.ts";
import { href } from "../route.ts";
import { TEXTS } from "../texts.ts";
import { Badge, Moment, Progress } from "../ui/parts.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { memberNames } from "./series.ts";

const COLUMNS: readonly Column<RunView>[] = [
  { head: TEXTS.runs.id, cell: (run) => <a href={href("runs", run.id)}>{run.id}</a> },
  { head: TEXTS.runs.name, cell: (run) => <a href={href("runs", run.id)}>{run.name}</a> },
  { head: TEXTS.runs.state, cell: (run) => <Badge state={run.outcome ?? run.state} /> },
  {
    head: TEXTS.runs.progress,
    cell: (run) => (
      <span className="inline-progress">
        <Progress share={run.progress} label={TEXTS.runs.progress} /> {percent(run.progress)}
      </span>
    ),
  },
  { head: TEXTS.runs.loss, number: true, cell: (run) => run.lossNow?.toFixed(3) ?? TEXTS.none },
  { head: TEXTS.runs.tokens, number: true, cell: (run) => short(run.tokens) },
  { head: TEXTS.runs.round, number: true, minor: true, cell: (run) => whole(run.round) },
  { head: TEXTS.runs.parameters, number: true, minor: true, cell: (run) => short(run.parameters) },
  { head: TEXTS.runs.members, wide: true, cell: (run) => names(run) },
  { head: TEXTS.runs.started, number: true, cell: (run) => <Moment atMs={run.startedAtMs} /> },
];

const names = (run: RunView): string =>
  memberNames({ members: run.members, rounds: [] }).join(", ") || TEXTS.none;

/** The table of runs. */
export function RunsTable(props: { readonly rows: readonly RunView[] }) {
  return (
    <Table caption={TEXTS.nav.runs} columns={COLUMNS} rows={props.rows} rowKey={(run) => run.id} />
  );
}
