// All spanning runs, newest first.
import { useState } from "react";
import { useCall } from "../api.tsx";
import { TEXTS } from "../texts.ts";
import { Pages } from "../ui/pages.tsx";
import { Empty, TroubleNote, Waiting } from "../ui/parts.tsx";
import { RunsTable } from "./runs-table.tsx";

/** Rows of one page. Each holds its members, so it is shorter than a page of jobs. */
const ROWS = 25;

/** The page behind `#/runs`. */
export function RunsPage() {
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const runs = useCall("listRuns", { query: { cursor: cursors.at(-1), limit: ROWS } });
  return (
    <>
      <h1>{TEXTS.nav.runs}</h1>
      {runs.data === undefined ? (
        <Waiting trouble={runs.trouble} />
      ) : (
        <>
          <TroubleNote trouble={runs.trouble} />
          {runs.data.rows.length === 0 ? (
            <Empty>{TEXTS.runs.nothing}</Empty>
          ) : (
            <section className="panel">
              <RunsTable rows={runs.data.rows} />
            </section>
          )}
        </>
      )}
      <Pages cursors={cursors} next={runs.data?.nextCursor} onTurn={setCursors} />
    </>
  );
}
