// Caps of a project: what it and each of its users may have at one time.
import { useId, useState } from "react";
import { useAction } from "../api.tsx";
import { PROJECT_TEXTS } from "../texts/people.ts";
import { Panel, TroubleNote } from "../ui/parts.tsx";
import { TextField } from "../ui/text-field.tsx";
import {
  CAP_NAMES,
  type CapsDraft,
  type CapTexts,
  capFault,
  capsChangeOf,
  capsDraftOf,
  hasCapFault,
} from "./caps-form.ts";
import type { Project } from "./projects-page.tsx";

/** The panel on a project's page; without the right to change them only what is set is shown. */
export function CapsPanel(props: { readonly project: Project; readonly mayChange: boolean }) {
  const { project, mayChange } = props;
  if (!mayChange && project.caps === undefined) return null;
  return (
    <Panel title={PROJECT_TEXTS.caps.title}>
      <p className="muted">{PROJECT_TEXTS.caps.note}</p>
      <CapsForm key={JSON.stringify(project.caps)} project={project} readOnly={!mayChange} />
    </Panel>
  );
}

function CapsForm(props: { readonly project: Project; readonly readOnly: boolean }) {
  const { project, readOnly } = props;
  const change = useAction("changeProject");
  const before = capsDraftOf(project.caps);
  const [draft, setDraft] = useState<CapsDraft>(before);
  const same = JSON.stringify(draft) === JSON.stringify(before);
  const fields = (of: keyof CapsDraft) => (
    <CapFields
      texts={draft[of]}
      legend={PROJECT_TEXTS.caps[of]}
      onTexts={(texts) => setDraft({ ...draft, [of]: texts })}
    />
  );
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const body = { caps: capsChangeOf(draft) };
        void change.run({ params: { name: project.name }, body });
      }}
    >
      <fieldset disabled={readOnly} className="bare">
        {fields("all")}
        {fields("perUser")}
        {!readOnly && (
          <div className="actions">
            <button type="submit" disabled={change.busy || same || hasCapFault(draft)}>
              {PROJECT_TEXTS.caps.set}
            </button>
          </div>
        )}
      </fieldset>
      <TroubleNote trouble={change.trouble} />
    </form>
  );
}

function CapFields(props: {
  readonly texts: CapTexts;
  readonly legend: string;
  readonly onTexts: (texts: CapTexts) => void;
}) {
  const { texts, legend, onTexts } = props;
  const id = useId();
  return (
    <fieldset className="group">
      <legend>{legend}</legend>
      <div className="row">
        {CAP_NAMES.map((name) => (
          <TextField
            key={name}
            id={`${id}-${name}`}
            label={PROJECT_TEXTS.caps[name]}
            value={texts[name]}
            fault={capFault(texts[name])}
            onText={(text) => onTexts({ ...texts, [name]: text })}
            narrow
          />
        ))}
      </div>
    </fieldset>
  );
}
