// One project: its share of the pool, its people, the projects under it.
import { ProjectRequest } from "@tequio/contract";
import { useId, useState } from "react";
import { useAction, useCall } from "../api.tsx";
import { clock, part, whole } from "../format.ts";
import { href } from "../route.ts";
import { PROJECT_TEXTS } from "../texts/people.ts";
import { TEXTS } from "../texts.ts";
import { Empty, Panel, Stat, TroubleNote, Waiting } from "../ui/parts.tsx";
import { faultOf } from "../ui/text-field.tsx";
import { CapsPanel } from "./caps-panel.tsx";
import { type Project, ProjectForm, SharesField, shareOf } from "./projects-page.tsx";
import { projectsAbove } from "./rights.ts";
import { ScopePeople } from "./scope-people.tsx";
import { IfHolds, useMay } from "./who.tsx";

/** The page behind `#/projects/NAME`. */
export function ProjectPage(props: { readonly name: string }) {
  const { name } = props;
  const projects = useCall("listProjects", {});
  if (projects.data === undefined) return <Waiting trouble={projects.trouble} />;
  const { rows } = projects.data;
  const project = rows.find((one) => one.name === name);
  if (project === undefined) return <Empty>{PROJECT_TEXTS.notFound(name)}</Empty>;
  const above = projectsAbove(rows, name);
  return (
    <>
      <div className="title">
        <h1>{name}</h1>
        <a href={href("jobs", undefined, { project: name })}>{PROJECT_TEXTS.jobs}</a>
      </div>
      <TroubleNote trouble={projects.trouble} />
      <Allocation project={project} rows={rows} above={above} />
      <Caps project={project} above={above} />
      <IfHolds what="users.read">
        <ScopePeople kind="project" name={name} above={above} />
      </IfHolds>
      <Under project={project} rows={rows} above={above} />
    </>
  );
}

interface PartProps {
  readonly project: Project;
  readonly rows: readonly Project[];
  readonly above: readonly string[];
}

/** Shares and caps are set from above: who may change what lies above may change them. */
const placeOf = ([parent, ...rest]: readonly string[]) =>
  parent === undefined ? {} : { project: parent, above: rest };

function Allocation(props: PartProps) {
  const { project, rows, above } = props;
  const mayChange = useMay("projects.change", placeOf(above));
  return (
    <Panel title={PROJECT_TEXTS.allocation}>
      <dl className="stats">
        <Stat
          name={TEXTS.projects.parent}
          value={
            project.parent === null ? (
              TEXTS.none
            ) : (
              <a href={href("projects", project.parent)}>{project.parent}</a>
            )
          }
        />
        <Stat name={TEXTS.projects.shares} value={whole(project.shares)} />
        <Stat name={PROJECT_TEXTS.share} value={part(shareOf(rows, project))} />
        <Stat name={TEXTS.projects.usage} value={clock(project.usage)} />
        <Stat name={TEXTS.pool.queued} value={whole(project.jobsQueued)} />
        <Stat name={TEXTS.pool.running} value={whole(project.jobsRunning)} />
      </dl>
      {mayChange && <SetShares project={project} />}
    </Panel>
  );
}

function Caps(props: { readonly project: Project; readonly above: readonly string[] }) {
  const { project, above } = props;
  const mayChange = useMay("projects.change", placeOf(above));
  return <CapsPanel project={project} mayChange={mayChange} />;
}

function SetShares(props: { readonly project: Project }) {
  const { name, parent, shares } = props.project;
  const change = useAction("createProject");
  const [typed, setTyped] = useState(String(shares));
  const id = useId();
  const wrong = faultOf(ProjectRequest.shape.shares, Number(typed)) !== undefined;
  const above = parent === null ? {} : { parent };
  return (
    <>
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          void change.run({ body: { name, shares: Number(typed), ...above } });
        }}
      >
        <SharesField id={id} value={typed} onText={setTyped} />
        <button type="submit" disabled={change.busy || wrong || Number(typed) === shares}>
          {PROJECT_TEXTS.setShares}
        </button>
      </form>
      <TroubleNote trouble={change.trouble} />
    </>
  );
}

function Under(props: PartProps) {
  const { project, rows, above } = props;
  const mayMake = useMay("projects.change", { project: project.name, above });
  const under = rows.filter(({ parent }) => parent === project.name);
  if (under.length === 0 && !mayMake) return null;
  return (
    <Panel title={PROJECT_TEXTS.under}>
      {under.length === 0 ? (
        <Empty>{PROJECT_TEXTS.noneUnder}</Empty>
      ) : (
        <p className="line">
          {under.map(({ name }) => (
            <a key={name} href={href("projects", name)}>
              {name}
            </a>
          ))}
        </p>
      )}
      {mayMake && <ProjectForm parent={project.name} />}
    </Panel>
  );
}
