// Projects: whose shares the jobs use. A new one is made here; so are changed shares.
import type { CallReply } from "@tequio/contract";
import { useState } from "react";
import { useAction, useCall } from "../api.tsx";
import { clock, whole } from "../format.ts";
import { href } from "../route.ts";
import { TEXTS } from "../texts.ts";
import { Field, Panel, TroubleNote, Waiting } from "../ui/parts.tsx";
import { type Column, Table } from "../ui/table.tsx";

type Project = CallReply<"listProjects">["rows"][number];

const COLUMNS: readonly Column<Project>[] = [
  {
    head: TEXTS.projects.name,
    wide: true,
    cell: ({ name }) => <a href={href("jobs", undefined, { project: name })}>{name}</a>,
  },
  { head: TEXTS.projects.parent, cell: (project) => project.parent ?? TEXTS.none },
  { head: TEXTS.projects.shares, number: true, cell: (project) => whole(project.shares) },
  { head: TEXTS.projects.usage, number: true, cell: (project) => clock(project.usage) },
  { head: TEXTS.pool.queued, number: true, cell: (project) => whole(project.jobsQueued) },
  { head: TEXTS.pool.running, number: true, cell: (project) => whole(project.jobsRunning) },
];

/** The panel of projects. */
export function ProjectsPanel() {
  const projects = useCall("listProjects", {});
  const create = useAction("createProject");
  const [name, setName] = useState("");
  const [shares, setShares] = useState("1");
  async function save(): Promise<void> {
    const body = { name: name.trim(), shares: Number(shares) };
    if ((await create.run({ body })) !== undefined) setName("");
  }
  return (
    <Panel title={TEXTS.projects.title}>
      {projects.data === undefined ? (
        <Waiting trouble={projects.trouble} />
      ) : (
        <Table
          caption={TEXTS.projects.title}
          columns={COLUMNS}
          rows={projects.data.rows}
          rowKey={(project) => project.name}
        />
      )}
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <Field id="project-name" label={TEXTS.projects.name}>
          <input
            id="project-name"
            required
            autoComplete="off"
            maxLength={63}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        </Field>
        <Field id="project-shares" label={TEXTS.projects.shares}>
          <input
            id="project-shares"
            type="number"
            min={1}
            max={1_000_000}
            required
            value={shares}
            onChange={(event) => setShares(event.target.value)}
          />
        </Field>
        <button type="submit" disabled={create.busy || name.trim() === ""}>
          {TEXTS.projects.save}
        </button>
      </form>
      <TroubleNote trouble={create.trouble} />
    </Panel>
  );
}
