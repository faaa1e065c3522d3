// What a run leaves behind: its newest model as a file, forks, and who serves it. The lineage card
// has a part of its own.
import type { CallReply, RunDetail } from "@tequio/contract";
import { useState } from "react";
import { type Trouble, useAction, useClient } from "../api.tsx";
import { short, whole } from "../format.ts";
import { useHolds } from "../people/who.tsx";
import { href } from "../route.ts";
import { MODEL_TEXTS } from "../texts/models.ts";
import { TEXTS } from "../texts.ts";
import { ConfirmButton } from "../ui/confirm.tsx";
import { Badge, Empty, Panel, TroubleNote } from "../ui/parts.tsx";
import { saveFile } from "../ui/save-file.ts";
import { type Column, Table } from "../ui/table.tsx";
import { TextField } from "../ui/text-field.tsx";
import { LineagePart } from "./lineage-part.tsx";

type Format = keyof typeof MODEL_TEXTS.files;
const FORMATS = Object.keys(MODEL_TEXTS.files) as readonly Format[];
type Replica = NonNullable<RunDetail["replicas"]>[number];

/** The panel on a run's page. */
export function ModelsPanel(props: { readonly run: RunDetail }) {
  const { run } = props;
  const mayRead = useHolds("blobs.read");
  const mayFork = useHolds("jobs.submit");
  const hasModel = run.parameters > 0;
  return (
    <Panel title={MODEL_TEXTS.title} actions={hasModel && mayFork && <ForkButton run={run} />}>
      {!hasModel && <Empty>{MODEL_TEXTS.none}</Empty>}
      {hasModel && mayRead && <ExportPart id={run.id} />}
      {hasModel && <LineagePart id={run.id} />}
      {run.replicas !== undefined && run.replicas.length > 0 && (
        <>
          <h3>{MODEL_TEXTS.replicas}</h3>
          <Table
            caption={MODEL_TEXTS.replicas}
            columns={REPLICA_COLUMNS}
            rows={run.replicas}
            rowKey={({ jobId }) => jobId}
          />
        </>
      )}
    </Panel>
  );
}

const [JOB, MEMBER, STATE, ROUND, SPEED, TEXT_COUNT, WRITTEN] = MODEL_TEXTS.replica;
const REPLICA_COLUMNS: readonly Column<Replica>[] = [
  { head: JOB, cell: ({ jobId }) => <a href={href("jobs", jobId)}>{jobId}</a> },
  { head: MEMBER, cell: ({ member }) => member },
  { head: STATE, cell: ({ state }) => <Badge state={state} /> },
  { head: ROUND, number: true, cell: ({ round }) => round ?? TEXTS.none },
  {
    head: SPEED,
    number: true,
    cell: ({ tokensPerSecond }) =>
      tokensPerSecond === undefined ? TEXTS.none : short(tokensPerSecond),
  },
  { head: TEXT_COUNT, number: true, cell: ({ texts }) => texts },
  { head: WRITTEN, number: true, cell: ({ tokens }) => whole(tokens) },
];

function ExportPart(props: { readonly id: string }) {
  const client = useClient();
  const [busy, setBusy] = useState<Format>();
  const [trouble, setTrouble] = useState<Trouble>();
  async function fetchFile(format: Format): Promise<void> {
    setBusy(format);
    const path = `/v1/runs/${encodeURIComponent(props.id)}/export?format=${format}`;
    setTrouble(await saveFile(client, path, `run-${props.id}.${format}`));
    setBusy(undefined);
  }
  return (
    <>
      <p className="line">
        <span>{MODEL_TEXTS.exports}</span>
        {FORMATS.map((format) => (
          <button
            key={format}
            type="button"
            disabled={busy !== undefined}
            onClick={() => void fetchFile(format)}
          >
            {busy === format ? MODEL_TEXTS.fetching : MODEL_TEXTS.files[format]}
          </button>
        ))}
      </p>
      <TroubleNote trouble={trouble} />
    </>
  );
}

function ForkButton(props: { readonly run: RunDetail }) {
  const { run } = props;
  const fork = useAction("forkRun");
  const [name, setName] = useState("");
  const [round, setRound] = useState("");
  const [minutes, setMinutes] = useState("");
  const [made, setMade] = useState<CallReply<"forkRun">>();
  async function act(): Promise<boolean> {
    const body = {
      ...(name === "" ? {} : { name }),
      ...(round === "" ? {} : { round: Number(round) }),
      ...(minutes === "" ? {} : { set: { "stop.minutes": Number(minutes) } }),
    };
    const reply = await fork.run({ params: { id: run.id }, body });
    setMade(reply);
    return reply !== undefined;
  }
  return (
    <>
      {made !== undefined && (
        <span>
          {MODEL_TEXTS.forked} <a href={href("runs", made.id)}>{made.id}</a>
        </span>
      )}
      <ConfirmButton
        label={MODEL_TEXTS.fork}
        title={MODEL_TEXTS.forkTitle(run.name)}
        explain={MODEL_TEXTS.forkExplain}
        busy={fork.busy}
        trouble={fork.trouble}
        onOpen={fork.clear}
        act={act}
      >
        <TextField id="fork-name" label={MODEL_TEXTS.forkName} value={name} onText={setName} />
        <TextField
          id="fork-round"
          label={MODEL_TEXTS.forkRound}
          note={MODEL_TEXTS.forkRoundNote}
          type="number"
          min={0}
          value={round}
          onText={setRound}
        />
        <TextField
          id="fork-minutes"
          label={MODEL_TEXTS.forkMinutes}
          note={MODEL_TEXTS.forkLoss}
          type="number"
          min={1}
          value={minutes}
          onText={setMinutes}
        />
      </ConfirmButton>
    </>
  );
}
