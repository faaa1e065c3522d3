// The list of jobs, newest first, with filters that stand in the address, and the submit form.
import type { JobView } from "@tequio/contract";
import { useState } from "react";
import { useCall, useNow } from "../api.tsx";
import { duration, whole } from "../format.ts";
import { useHolds } from "../people/who.tsx";
import { href } from "../route.ts";
import { TEXTS } from "../texts.ts";
import { Pages } from "../ui/pages.tsx";
import { Badge, Choice, Empty, Marked, Moment, TroubleNote, Waiting } from "../ui/parts.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { SubmitForm } from "./submit-form.tsx";

/** Rows of one page: what a reader takes in before turning it. */
const ROWS = 50;

type State = "all" | "queued" | "active" | "ended";
const STATES: readonly (readonly [State, string])[] = [
  ["all", TEXTS.jobs.all],
  ["queued", TEXTS.jobs.queued],
  ["active", TEXTS.jobs.active],
  ["ended", TEXTS.jobs.ended],
];

const COLUMNS: readonly Column<JobView>[] = [
  { head: TEXTS.jobs.id, cell: (job) => <a href={href("jobs", job.id)}>{job.id}</a> },
  { head: TEXTS.jobs.name, cell: (job) => <b>{job.name}</b> },
  { head: TEXTS.jobs.state, cell: (job) => <Badge state={job.outcome ?? job.state} /> },
  { head: TEXTS.jobs.reason, wide: true, cell: (job) => job.reason },
  { head: TEXTS.jobs.project, minor: true, cell: (job) => job.project },
  { head: TEXTS.jobs.user, minor: true, cell: (job) => job.user },
  {
    head: TEXTS.jobs.accelerators,
    number: true,
    minor: true,
    cell: (job) => whole(job.accelerators),
  },
  { head: TEXTS.jobs.ran, number: true, minor: true, cell: (job) => <RunTime job={job} /> },
  { head: TEXTS.jobs.submitted, number: true, cell: (job) => <Moment atMs={job.submittedAtMs} /> },
];

function RunTime(props: { readonly job: JobView }) {
  const { startedAtMs, endedAtMs } = props.job;
  const now = useNow(1_000);
  if (startedAtMs === undefined) return <>{TEXTS.none}</>;
  return <>{duration((endedAtMs ?? now) - startedAtMs)}</>;
}

/** The page behind `#/jobs`. */
export function JobsPage(props: { readonly query: Readonly<Record<string, string>> }) {
  const { query } = props;
  const [open, setOpen] = useState(false);
  const maySubmit = useHolds("jobs.submit");
  const state = STATES.find(([one]) => one === query.state)?.[0] ?? "all";
  const filters = { project: query.project, member: query.member, arrayId: query.array };
  const show = (changes: Record<string, string | undefined>) => {
    location.hash = href("jobs", undefined, { ...query, ...changes });
  };
  const rest = Object.entries(filters).filter(([, value]) => value !== undefined);
  return (
    <>
      <div className="title">
        <h1>{TEXTS.nav.jobs}</h1>
        {!open && maySubmit && (
          <button type="button" className="primary" onClick={() => setOpen(true)}>
            {TEXTS.submit.open}
          </button>
        )}
      </div>
      {open && <SubmitForm onClose={() => setOpen(false)} />}
      <div className="line">
        <Choice
          label={TEXTS.jobs.filter}
          options={STATES}
          value={state}
          onChange={(next) => show({ state: next === "all" ? "" : next })}
        />
        {rest.map(([name, value]) => (
          <button
            key={name}
            type="button"
            className="filter"
            onClick={() => show({ [name === "arrayId" ? "array" : name]: "" })}
          >
            {TEXTS.jobs.only(name, value ?? "")}
          </button>
        ))}
      </div>
      <JobList key={JSON.stringify(query)} query={{ state, ...filters }} />
    </>
  );
}

interface JobsFilter {
  readonly state: State;
  readonly project: string | undefined;
  readonly member: string | undefined;
  readonly arrayId: string | undefined;
}

const isFiltered = ({ state, project, member, arrayId }: JobsFilter): boolean =>
  state !== "all" || [project, member, arrayId].some((value) => value !== undefined);

function JobList(props: { readonly query: JobsFilter }) {
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const cursor = cursors.at(-1);
  const jobs = useCall("listJobs", { query: { ...props.query, cursor, limit: ROWS } });
  if (jobs.data === undefined) return <Waiting trouble={jobs.trouble} />;
  return (
    <>
      <TroubleNote trouble={jobs.trouble} />
      {jobs.data.rows.length === 0 ? (
        <Empty>
          <Marked text={isFiltered(props.query) ? TEXTS.jobs.nothing : TEXTS.jobs.none} />
        </Empty>
      ) : (
        <section className="panel">
          <Table
            caption={TEXTS.nav.jobs}
            columns={COLUMNS}
            rows={jobs.data.rows}
            rowKey={(job) => job.id}
          />
        </section>
      )}
      <Pages cursors={cursors} next={jobs.data.nextCursor} onTurn={setCursors} />
    </>
  );
}
