// The form that submits a job or a run: the main fields, or the whole job file. Both edit one
// draft; the job file may hold what the form does not show, and nothing of it is lost.
import { JobWire, parseYaml } from "@tequio/contract";
import { useId, useState } from "react";
import { type Trouble, useAction, useCall } from "../api.tsx";
import { href } from "../route.ts";
import { TEXTS } from "../texts.ts";
import { Choice, Field, Marked, Panel, TroubleNote } from "../ui/parts.tsx";
import {
  BATCH_FIELDS,
  type Draft,
  type FieldSpec,
  fieldAt,
  RUN_FIELDS,
  textAt,
  toJobFile,
  withText,
} from "./job-form.ts";

type Mode = "command" | "run" | "file";

const RUN_START: Draft = { run: { stop: { minutes: 5 } } };
const MODES: readonly (readonly [Mode, string])[] = [
  ["command", TEXTS.submit.command],
  ["run", TEXTS.submit.run],
  ["file", TEXTS.submit.file],
];

/** The form; it leads to the page of what was submitted. */
export function SubmitForm(props: { readonly onClose: () => void }) {
  const [mode, setMode] = useState<Mode>("command");
  const [draft, setDraft] = useState<Draft>({});
  const [text, setText] = useState("");
  const [local, setLocal] = useState<Trouble>();
  const submit = useAction("submitJob");

  function change(next: Mode): void {
    setLocal(undefined);
    submit.clear();
    let kept = draft;
    if (mode === "file" && next !== "file") {
      // What cannot be read cannot be shown in the form: the file stays open with its error.
      const read = text.trim() === "" ? undefined : parseYaml(JobWire, text);
      if (read !== undefined && !read.ok) {
        setLocal(read);
        return;
      }
      kept = read === undefined ? {} : trimmed(read.value);
    }
    if (next === "file") setText(toJobFile(kept));
    setDraft(next === "file" ? kept : forMode(kept, next));
    setMode(next);
  }

  async function send(): Promise<void> {
    setLocal(undefined);
    const read = parseYaml(JobWire, mode === "file" ? text : toJobFile(draft));
    if (!read.ok) return setLocal(read);
    const made = await submit.run({ body: read.value });
    if (made === undefined) return;
    location.hash = href(read.value.run === undefined ? "jobs" : "runs", made.id);
  }

  const paths = mode === "run" ? RUN_FIELDS : BATCH_FIELDS;
  return (
    <Panel
      title={TEXTS.submit.title}
      actions={<Choice label={TEXTS.submit.mode} options={MODES} value={mode} onChange={change} />}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        {mode === "file" ? (
          <JobFile text={text} onText={setText} />
        ) : (
          <div className="fields">
            {paths.map((path) => (
              <JobField key={path} field={fieldAt(path)} draft={draft} onDraft={setDraft} />
            ))}
          </div>
        )}
        <TroubleNote trouble={local ?? submit.trouble} />
        <div className="actions">
          <button type="submit" className="primary" disabled={submit.busy}>
            {TEXTS.submit.send}
          </button>
          <button type="button" onClick={props.onClose}>
            {TEXTS.close}
          </button>
        </div>
      </form>
    </Panel>
  );
}

/** A command and a run exclude each other; what both share stays. */
function forMode(draft: Draft, mode: Mode): Draft {
  const { run, shell, command, ...shared } = draft;
  if (mode === "run") return run === undefined ? { ...shared, ...RUN_START } : { ...shared, run };
  return {
    ...shared,
    ...(shell === undefined ? {} : { shell }),
    ...(command === undefined ? {} : { command }),
  };
}

/** A parsed job without what the schema filled in, so that the form shows only what was set. */
function trimmed(job: Draft): Draft {
  const bare = JobWire.parse({}) as Draft;
  const given = Object.entries(job).filter(
    ([key, value]) => JSON.stringify(value) !== JSON.stringify(bare[key]),
  );
  return Object.fromEntries(given);
}

function JobFile(props: { readonly text: string; readonly onText: (text: string) => void }) {
  return (
    <Field id="job-file" label={TEXTS.submit.fileLabel} note={TEXTS.submit.fileNote} wide>
      <textarea
        id="job-file"
        className="code"
        rows={16}
        spellCheck={false}
        placeholder={TEXTS.submit.fileExample}
        value={props.text}
        aria-describedby="job-file-note"
        onChange={(event) => props.onText(event.target.value)}
      />
    </Field>
  );
}

function JobField(props: {
  readonly field: FieldSpec;
  readonly draft: Draft;
  readonly onDraft: (draft: Draft) => void;
}) {
  const { field, draft } = props;
  const id = useId();
  const value = textAt(draft, field.path);
  const onText = (text: string) => props.onDraft(withText(draft, field, text));
  const label = TEXTS.submit.fields[field.path] ?? field.path;
  const common = { id, value, placeholder: field.fallback, "aria-describedby": `${id}-note` };
  if (field.kind === "flag") {
    return (
      <div className="field flag">
        <input
          id={id}
          type="checkbox"
          checked={value === "true"}
          onChange={(event) => onText(event.target.checked ? "true" : "")}
        />
        <label htmlFor={id}>{label}</label>
        {field.note !== undefined && (
          <small>
            <Marked text={field.note} />
          </small>
        )}
      </div>
    );
  }
  return (
    <Field id={id} label={label} note={field.note} wide={field.kind === "lines"}>
      {field.path === "project" && <ProjectInput {...common} onText={onText} />}
      {field.kind === "lines" && (
        <textarea
          {...common}
          className="code"
          rows={4}
          spellCheck={false}
          onChange={(event) => onText(event.target.value)}
        />
      )}
      {field.kind !== "lines" && field.path !== "project" && (
        <input
          {...common}
          inputMode={field.kind === "number" ? "decimal" : undefined}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => onText(event.target.value)}
        />
      )}
    </Field>
  );
}

function ProjectInput(props: {
  readonly id: string;
  readonly value: string;
  readonly placeholder: string | undefined;
  readonly onText: (text: string) => void;
}) {
  const projects = useCall("listProjects", {}).data?.rows ?? [];
  const listId = `${props.id}-list`;
  return (
    <>
      <input
        id={props.id}
        value={props.value}
        placeholder={props.placeholder}
        list={listId}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => props.onText(event.target.value)}
      />
      <datalist id={listId}>
        {projects.map((project) => (
          <option key={project.name} value={project.name} />
        ))}
      </datalist>
    </>
  );
}
