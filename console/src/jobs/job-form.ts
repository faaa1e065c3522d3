// The submit form's fields, made from the contract's schema: names, kinds, choices and
// explanations come from there, so the form cannot promise what the pool does not take. Pure.
import { JobWire } from "@tequio/contract";

export interface FieldSpec {
  /** Where the value stands in the job, e.g. `resources.cpus`. */
  readonly path: string;
  readonly kind: "text" | "number" | "choice" | "flag" | "list" | "lines";
  readonly options: readonly string[];
  readonly note: string | undefined;
  /** The value that holds when the field stays empty. */
  readonly fallback: string | undefined;
}

export type Draft = Readonly<Record<string, unknown>>;

interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly anyOf?: readonly JsonSchema[];
}

/** What people set most; everything else is reached by the job file. */
export const BATCH_FIELDS = [
  "shell",
  "name",
  "project",
  "tasks",
  "resources.accelerators",
  "resources.vendor",
  "resources.model",
  "resources.cpus",
  "resources.memory",
  "time",
  "members",
  "array",
  "after",
  "priority",
  "preemptible",
] as const;
export const RUN_FIELDS = [
  "name",
  "project",
  "run.stop.minutes",
  "run.stop.rounds",
  "run.corpus",
  "run.model.width",
  "run.model.layers",
  "run.model.heads",
  "run.model.context",
  "run.learningRate",
  "run.maxMembers",
  "run.seed",
  "members",
  "time",
  "priority",
] as const;

const root = JobWire.toJSONSchema({ io: "input", unrepresentable: "any" }) as JsonSchema;

/** The field at `path`; throws when the schema has none, which a test looks for. */
export function fieldAt(path: string): FieldSpec {
  let at: JsonSchema | undefined = root;
  for (const part of path.split(".")) at = at?.properties?.[part];
  if (at === undefined) throw new Error(`Invariant broken: the job has a field ${path}`);
  return {
    path,
    kind: path === "shell" ? "lines" : kindOf(at),
    options: at.enum ?? [],
    note: at.description,
    fallback: fallbackOf(at.default),
  };
}

function kindOf(schema: JsonSchema): FieldSpec["kind"] {
  if (schema.enum !== undefined) return "choice";
  if (schema.type === "boolean") return "flag";
  if (schema.type === "array") return "list";
  return schema.type === "number" || schema.type === "integer" ? "number" : "text";
}

function fallbackOf(value: unknown): string | undefined {
  const plain = typeof value === "string" || typeof value === "number";
  return plain ? String(value) : undefined;
}

/** Text of the field in a draft; empty when it is not set. */
export function textAt(draft: Draft, path: string): string {
  let at: unknown = draft;
  for (const part of path.split(".")) at = (at as Draft | undefined)?.[part];
  if (at === undefined || at === null) return "";
  return Array.isArray(at) ? at.join(", ") : String(at);
}

/** The draft with the field set from what was typed; an empty text takes the field out. */
export function withText(draft: Draft, field: FieldSpec, text: string): Draft {
  return put(draft, field.path.split("."), typedValue(field, text));
}

function typedValue(field: FieldSpec, text: string): unknown {
  if (text.trim() === "") return undefined;
  if (field.kind === "flag") return text === "true" ? true : undefined;
  if (field.kind === "list") return text.split(/[,\s]+/).filter((part) => part !== "");
  const mayCount = field.kind === "number" || field.path === "resources.accelerators";
  return mayCount && Number.isFinite(Number(text)) ? Number(text) : text;
}

function put(draft: Draft, parts: readonly string[], value: unknown): Draft {
  const [head = "", ...tail] = parts;
  const inner = tail.length === 0 ? value : put((draft[head] ?? {}) as Draft, tail, value);
  const { [head]: _, ...rest } = draft;
  const gone = inner === undefined || (tail.length > 0 && Object.keys(inner as Draft).length === 0);
  return gone ? rest : { ...draft, [head]: inner };
}

/** A draft as a job file. JSON is YAML, so every scalar that may be misread is written as JSON. */
export function toJobFile(draft: Draft, indent = ""): string {
  return Object.entries(draft)
    .map(([key, value]) => `${indent}${key}:${yamlOf(value, indent)}\n`)
    .join("");
}

function yamlOf(value: unknown, indent: string): string {
  if (typeof value === "string" && value.includes("\n") && !/^\s|\s$/.test(value)) {
    const lines = value.split("\n").map((line) => (line === "" ? "" : `${indent}  ${line}`));
    return ` |-\n${lines.join("\n")}`;
  }
  if (typeof value === "string") return ` ${plainOrQuoted(value)}`;
  if (Array.isArray(value)) return ` ${JSON.stringify(value)}`;
  if (typeof value === "object" && value !== null) {
    const inner = toJobFile(value as Draft, `${indent}  `).trimEnd();
    return inner === "" ? " {}" : `\n${inner}`;
  }
  return ` ${JSON.stringify(value)}`;
}

/** Words that YAML reads as something else than text. */
const NOT_TEXT = /^(true|false|null|yes|no|on|off|~)$/i;

function plainOrQuoted(text: string): string {
  const plain = /^[A-Za-z/][A-Za-z0-9 ._/-]*[A-Za-z0-9._/-]$/.test(text) && !NOT_TEXT.test(text);
  return plain ? text : JSON.stringify(text);
}
