// One job: where it stands, why, on which accelerators it ran, and its log.
import type { JobDetail, LeaseView } from "@tequio/contract";
import { useAction, useCall, useNow } from "../api.tsx";
import { clock, dateTime, duration, whole } from "../format.ts";
import { useMayInProject } from "../people/who.tsx";
import { href } from "../route.ts";
import { TEXTS } from "../texts.ts";
import { ConfirmButton } from "../ui/confirm.tsx";
import { Badge, Empty, Panel, Stat, TroubleNote, Waiting } from "../ui/parts.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { JobDetails } from "./job-details.tsx";
import { LogPanel } from "./log-panel.tsx";
import { Timeline } from "./timeline.tsx";
import { WhyPanel } from "./why-panel.tsx";

const LEASES: readonly Column<LeaseView>[] = [
  { head: TEXTS.job.attempt, number: true, cell: (lease) => whole(lease.attempt) },
  { head: TEXTS.job.member, cell: (lease) => lease.member },
  { head: TEXTS.job.state, cell: (lease) => <Badge state={lease.outcome ?? lease.state} /> },
  { head: TEXTS.job.devices, cell: (lease) => devices(lease) },
  { head: TEXTS.job.granted, cell: (lease) => dateTime(lease.grantedAtMs) },
  { head: TEXTS.job.ran, number: true, cell: (lease) => <Ran lease={lease} /> },
  {
    head: TEXTS.job.deviceTime,
    number: true,
    cell: (lease) => (lease.deviceMs === undefined ? TEXTS.none : clock(lease.deviceMs)),
  },
  { head: TEXTS.job.reason, wide: true, cell: (lease) => lease.message || lease.reason },
];

function devices(lease: LeaseView): string {
  if (lease.accelerators.length === 0) return TEXTS.none;
  return lease.accelerators.map(({ node, id, model }) => `${node}/${id} ${model}`).join(", ");
}

function Ran(props: { readonly lease: LeaseView }) {
  const { startedAtMs, endedAtMs } = props.lease;
  const now = useNow(1_000);
  if (startedAtMs === undefined) return TEXTS.none;
  return endedAtMs === undefined ? duration(now - startedAtMs) : ran(props.lease);
}

function ran(lease: LeaseView): string {
  if (lease.startedAtMs === undefined || lease.endedAtMs === undefined) return TEXTS.none;
  const code = lease.exitCode === null || lease.exitCode === undefined ? "" : lease.exitCode;
  const exit = lease.signal ?? code;
  const time = duration(lease.endedAtMs - lease.startedAtMs);
  return exit === "" ? time : `${time} (${exit})`;
}

/** The page behind `#/jobs/17`. */
export function JobPage(props: { readonly id: string }) {
  const shown = useCall("getJob", { params: { id: props.id } });
  const cancel = useAction("cancelJob");
  const job = shown.data;
  const mayCancel = useMayInProject("jobs.cancel", job?.project ?? "", job?.user);
  const mayRead = useMayInProject("logs.read", job?.project ?? "");
  if (job === undefined) return <Waiting trouble={shown.trouble} />;
  return (
    <>
      <div className="title">
        <h1>
          <span className="muted">{TEXTS.job.title(job.id)}</span> {job.name}{" "}
          <Badge state={job.outcome ?? job.state} />
        </h1>
        <div className="actions">
          {job.kind === "run" && <a href={href("runs", job.id)}>{TEXTS.job.toRun}</a>}
          {job.state !== "ended" && mayCancel && (
            <ConfirmButton
              label={TEXTS.job.cancel}
              title={TEXTS.job.cancelTitle(job.id)}
              explain={TEXTS.job.cancelExplain}
              danger
              busy={cancel.busy}
              trouble={cancel.trouble}
              onOpen={cancel.clear}
              act={async () => (await cancel.run({ params: { id: job.id } })) !== undefined}
            />
          )}
        </div>
      </div>
      <TroubleNote trouble={shown.trouble} />
      <p className="reason">{job.reason}</p>
      <Timeline job={job} />
      <Facts job={job} />
      <WhyPanel id={job.id} reason={job.reason} />
      <Panel title={TEXTS.job.leases}>
        {job.leases.length === 0 ? (
          <Empty>{TEXTS.job.noLeases}</Empty>
        ) : (
          <Table
            caption={TEXTS.job.leases}
            columns={LEASES}
            rows={job.leases}
            rowKey={(lease) => lease.leaseId}
          />
        )}
      </Panel>
      {mayRead && <LogPanel job={job} />}
      <JobDetails job={job} />
    </>
  );
}

function Facts(props: { readonly job: JobDetail }) {
  const { job } = props;
  const charged = job.leases.flatMap((lease) => lease.deviceMs ?? []);
  const deviceMs = charged.reduce((sum, ms) => sum + ms, 0);
  const isRun = job.kind === "run";
  return (
    <dl className="stats totals">
      <Stat name={TEXTS.jobs.project} value={job.project} />
      <Stat name={TEXTS.jobs.user} value={job.user} />
      <Stat name={TEXTS.job.tasks} value={whole(job.tasks)} />
      <Stat
        name={isRun ? TEXTS.jobs.acceleratorsEach : TEXTS.jobs.acceleratorsLong}
        value={whole(job.accelerators)}
      />
      <Stat name={TEXTS.job.limit} value={duration(job.walltimeMs)} />
      {/* The leases of a run are its members, not one try after the other. */}
      {!isRun && <Stat name={TEXTS.job.attempt} value={whole(job.attempt)} />}
      <Stat
        name={TEXTS.job.deviceTime}
        value={charged.length === 0 ? TEXTS.none : clock(deviceMs)}
      />
      {job.exitCode !== undefined && job.exitCode !== null && (
        <Stat name={TEXTS.job.exitCode} value={String(job.exitCode)} />
      )}
    </dl>
  );
}
