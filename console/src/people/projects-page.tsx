// The projects that share the pool, as a tree: shares, use and work of each.
import type { CallReply } from "@tequio/contract";
import { ProjectRequest } from "@tequio/contract";
import { useId, useState } from "react";
import { useAction, useCall } from "../api.tsx";
import { clock, part, whole } from "../format.ts";
import { href } from "../route.ts";
import { PROJECT_TEXTS } from "../texts/people.ts";
import { TEXTS } from "../texts.ts";
import { Empty, Panel, TroubleNote, Waiting } from "../ui/parts.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { faultOf, TextField } from "../ui/text-field.tsx";
import { projectsAbove } from "./rights.ts";
import { useMay } from "./who.tsx";

export type Project = CallReply<"listProjects">["rows"][number];

/** What its shares are of those of all that lie under the same parent. */
export function shareOf(projects: readonly Project[], project: Project): number {
  const level = projects.filter(({ parent }) => parent === project.parent);
  return project.shares / level.reduce((sum, { shares }) => sum + shares, 0);
}

const columns = (all: readonly Project[]): readonly Column<Project>[] => [
  {
    head: TEXTS.projects.name,
    wide: true,
    cell: ({ name }) => (
      <span className={`depth-${Math.min(4, projectsAbove(all, name).length)}`}>
        <a href={href("projects", name)}>{name}</a>
      </span>
    ),
  },
  { head: TEXTS.projects.shares, number: true, cell: (project) => whole(project.shares) },
  {
    head: PROJECT_TEXTS.share,
    number: true,
    cell: (project) => part(shareOf(all, project)),
  },
  { head: TEXTS.projects.usage, number: true, cell: (project) => clock(project.usage) },
  { head: TEXTS.pool.queued, number: true, cell: (project) => whole(project.jobsQueued) },
  { head: TEXTS.pool.running, number: true, cell: (project) => whole(project.jobsRunning) },
];

/** Each project followed by those under it. A parent that is not shown counts as none. */
export function asTree(projects: readonly Project[]): readonly Project[] {
  const names = new Set(projects.map(({ name }) => name));
  const under = (parent: string | null): readonly Project[] =>
    projects
      .filter((one) => (names.has(one.parent ?? "") ? one.parent : null) === parent)
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((one) => [one, ...under(one.name)]);
  return under(null);
}

/** The page behind `#/projects`. */
export function ProjectsPage() {
  const projects = useCall("listProjects", {});
  const mayMake = useMay("projects.change");
  if (projects.data === undefined) return <Waiting trouble={projects.trouble} />;
  const { rows } = projects.data;
  return (
    <>
      <h1>{PROJECT_TEXTS.title}</h1>
      <TroubleNote trouble={projects.trouble} />
      {rows.length === 0 && <Empty>{PROJECT_TEXTS.none}</Empty>}
      {rows.length > 0 && (
        <section className="panel">
          <Table
            caption={PROJECT_TEXTS.title}
            columns={columns(rows)}
            rows={asTree(rows)}
            rowKey={(project) => project.name}
          />
        </section>
      )}
      {mayMake && (
        <Panel title={TEXTS.projects.save}>
          <ProjectForm parent={undefined} />
        </Panel>
      )}
    </>
  );
}

/** Makes a project, or changes the shares of one. */
export function ProjectForm(props: { readonly parent: string | undefined }) {
  const create = useAction("createProject");
  const [name, setName] = useState("");
  const [shares, setShares] = useState("1");
  const id = useId();
  const { shape } = ProjectRequest;
  const ready =
    faultOf(shape.name, name) === undefined && faultOf(shape.shares, Number(shares)) === undefined;
  async function save(): Promise<void> {
    const above = props.parent === undefined ? {} : { parent: props.parent };
    const body = { name, shares: Number(shares), ...above };
    if ((await create.run({ body })) !== undefined) setName("");
  }
  return (
    <>
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <TextField
          id={`${id}-name`}
          label={TEXTS.projects.name}
          schema={shape.name}
          required
          maxLength={63}
          value={name}
          onText={setName}
        />
        <SharesField id={`${id}-shares`} value={shares} onText={setShares} />
        <button type="submit" disabled={create.busy || !ready}>
          {TEXTS.projects.save}
        </button>
      </form>
      <TroubleNote trouble={create.trouble} />
    </>
  );
}

/** The number of shares, with the bounds of the contract. */
export function SharesField(props: {
  readonly id: string;
  readonly value: string;
  readonly onText: (text: string) => void;
}) {
  const fault = faultOf(ProjectRequest.shape.shares, Number(props.value));
  return (
    <TextField
      id={props.id}
      label={TEXTS.projects.shares}
      type="number"
      min={1}
      max={1_000_000}
      required
      narrow
      fault={props.value === "" ? undefined : fault}
      value={props.value}
      onText={props.onText}
    />
  );
}
