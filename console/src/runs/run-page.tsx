// One spanning run: how the model learns, how far it is, and what each member gives to it.
import type { RunDetail } from "@tequio/contract";
import { useCall, useNow } from "../api.tsx";
import { bytes, duration, percent, short, whole } from "../format.ts";
import { useHolds } from "../people/who.tsx";
import { href } from "../route.ts";
import { TEXTS } from "../texts.ts";
import { Badge, Progress, Stat, TroubleNote, Waiting } from "../ui/parts.tsx";
import { LossPanel } from "./loss-panel.tsx";
import { ModelsPanel } from "./models-panel.tsx";
import { RoundsPanel } from "./rounds-panel.tsx";
import { RunActions } from "./run-actions.tsx";
import { RunMembers } from "./run-members.tsx";
import { SamplePanel } from "./sample-panel.tsx";
import { SpeedPanel } from "./speed-panel.tsx";
import { TrafficPanel } from "./traffic-panel.tsx";

/** The page behind `#/runs/17`. */
export function RunPage(props: { readonly id: string }) {
  const shown = useCall("getRun", { params: { id: props.id } });
  const run = shown.data;
  const maySample = useHolds("runs.sample");
  if (run === undefined) return <Waiting trouble={shown.trouble} />;
  return (
    <>
      <div className="title">
        <h1>
          <span className="muted">{TEXTS.run.title(run.id)}</span> {run.name}{" "}
          <Badge state={run.outcome ?? run.state} />
        </h1>
        <div className="actions">
          <a href={href("jobs", run.id)}>{TEXTS.run.toJob}</a>
          <RunActions run={run} />
        </div>
      </div>
      <TroubleNote trouble={shown.trouble} />
      <RunProgress run={run} />
      <Figures run={run} />
      <div className="pair">
        <LossPanel run={run} />
        <SpeedPanel run={run} />
      </div>
      <RunMembers run={run} />
      <div className="pair">
        <TrafficPanel members={run.members} />
        {maySample && <SamplePanel id={run.id} ready={run.round > 0 || run.rounds.length > 0} />}
      </div>
      <ModelsPanel run={run} />
      <RoundsPanel rounds={run.rounds} />
    </>
  );
}

function RunProgress(props: { readonly run: RunDetail }) {
  const { run } = props;
  const now = useNow(1_000);
  return (
    <div className="run-progress">
      <Progress share={run.progress} label={TEXTS.runs.progress} />
      <p className="line">
        <b>{percent(run.progress)}</b>
        <span>{roundText(run)}</span>
        <span>{timeText(run, now)}</span>
        <span className="muted">{run.reason}</span>
      </p>
    </div>
  );
}

function roundText(run: RunDetail): string {
  if (run.state === "ended") return TEXTS.run.rounds(whole(run.round));
  if (run.rounds.length === 0) return TEXTS.run.warmUp;
  return TEXTS.run.round(whole(run.round));
}

function timeText(run: RunDetail, nowMs: number): string {
  if (run.startedAtMs === undefined) return TEXTS.run.notStarted;
  if (run.endedAtMs !== undefined) return TEXTS.run.took(duration(run.endedAtMs - run.startedAtMs));
  const ran = TEXTS.run.runsFor(duration(nowMs - run.startedAtMs));
  if (run.endEstimateMs === undefined) return ran;
  const left = run.endEstimateMs - nowMs;
  if (left <= 0) return `${ran}, ${TEXTS.run.endsNow}`;
  return `${ran}, ${TEXTS.run.left(duration(left))}`;
}

function Figures(props: { readonly run: RunDetail }) {
  const { run } = props;
  const ended = run.state === "ended";
  const speed = ended
    ? meanSpeed(run)
    : run.members.reduce((sum, member) => sum + member.tokensPerSecond, 0);
  const { width, layers, heads, context } = run.model;
  return (
    <dl className="stats totals">
      <Stat
        name={TEXTS.run.loss}
        value={(run.lossNow ?? run.lossBefore)?.toFixed(3) ?? TEXTS.none}
        note={lossNote(run)}
      />
      <Stat name={TEXTS.run.tokens} value={short(run.tokens)} />
      <Stat
        name={TEXTS.run.speed}
        value={speed > 0 ? short(speed) : TEXTS.none}
        note={ended ? TEXTS.run.perSecondMean : TEXTS.run.perSecond}
      />
      <Stat name={TEXTS.run.traffic} value={`${bytes(run.bytesUp)} / ${bytes(run.bytesDown)}`} />
      <Stat
        name={TEXTS.run.model}
        value={short(run.parameters)}
        note={TEXTS.run.shape(width, layers, heads, context)}
      />
      <Stat name={TEXTS.jobs.project} value={run.project} />
    </dl>
  );
}

/** Tokens per second over the whole time of a run that has ended. */
function meanSpeed({ tokens, startedAtMs = 0, endedAtMs = 0 }: RunDetail): number {
  return endedAtMs > startedAtMs ? (tokens * 1_000) / (endedAtMs - startedAtMs) : 0;
}

function lossNote(run: RunDetail): string | undefined {
  if (run.lossBefore === undefined) return undefined;
  return run.lossNow === undefined
    ? TEXTS.run.untrained
    : TEXTS.run.from(run.lossBefore.toFixed(3));
}
