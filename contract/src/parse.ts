// The door: unknown data becomes a value of the contract or a refusal that names the field, the
// value and, for an unknown field, the nearest known one. YAML errors carry line and column.
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import { isCollection, LineCounter, parseDocument, visit } from "yaml";
import type { z } from "zod";

/** Parses `input` by a schema of the contract. */
export function parseWith<T extends z.ZodType>(schema: T, input: unknown): Outcome<z.output<T>> {
  const result = schema.safeParse(input, { reportInput: true });
  if (result.success) return ok(result.data);
  return refusalOf(schema, result.error.issues, input);
}

function refusalOf(schema: z.ZodType, issues: readonly z.core.$ZodIssue[], input: unknown) {
  // An unknown field often is the cause of a missing one: name it first.
  const issue = issues.find((one) => one.code === "unrecognized_keys") ?? issues[0]!;
  const at = pathText(issue.path);
  if (issue.code === "unrecognized_keys") {
    const key = clip(issue.keys[0]!);
    const where = at === "" ? key : `${at}.${key}`;
    const known = knownKeys(schema, issue.path);
    const near = nearest(key, known);
    const hint =
      near === undefined
        ? `Known fields here: ${known.join(", ")}.`
        : `Did you mean \`${near}\`? Known fields here: ${known.join(", ")}.`;
    return refuse("UNKNOWN_FIELD", `The field \`${where}\` does not exist.`, hint, where);
  }
  const value = valueAt(input, issue.path);
  const shown = value === undefined ? "nothing" : clip(shownAs(value));
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  const where = at === "" ? "the request" : `\`${at}\``;
  const hint = `Correct ${where}: ${issue.message}.`;
  return refuse("INVALID_REQUEST", `${where}: got ${shown}${more}.`, hint, at);
}

/** JSON text of a value; what goes in circles or is too deep for that is only named. */
function shownAs(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return Array.isArray(value) ? "a list that cannot be shown" : "a map that cannot be shown";
  }
}

const clip = (text: string): string => (text.length > 80 ? `${text.slice(0, 77)}...` : text);

const pathText = (path: readonly PropertyKey[]): string =>
  path
    .map((part, i) => (typeof part === "number" ? `[${part}]` : `${i ? "." : ""}${String(part)}`))
    .join("");

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const part of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

interface Unwrappable {
  readonly def: {
    readonly type: string;
    readonly innerType?: Unwrappable;
    readonly shape?: Record<string, Unwrappable>;
    readonly element?: Unwrappable;
    readonly in?: Unwrappable;
  };
}

/** Field names that the schema knows at `path`. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at: Unwrappable | undefined = bare(schema as unknown as Unwrappable);
  for (const part of path) {
    if (at === undefined) return [];
    const next: Unwrappable | undefined =
      at.def.type === "array" ? at.def.element : at.def.shape?.[String(part)];
    at = next === undefined ? undefined : bare(next);
  }
  return Object.keys(at?.def.shape ?? {});
}

function bare(schema: Unwrappable): Unwrappable {
  let at = schema;
  for (;;) {
    const inner = at.def.innerType ?? at.def.in;
    if (inner === undefined) return at;
    at = inner;
  }
}

/** The known word nearest to `word` by edit distance, if it is near at all. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + same);
    }
    row = next;
  }
  return row[b.length]!;
}

/** Parses YAML text (JSON is YAML too) and then the schema. */
export function parseYaml<T extends z.ZodType>(schema: T, text: string): Outcome<z.output<T>> {
  const lines = new LineCounter();
  // A stranger's odd file must not write warnings into the log of the pool.
  const quiet = { prettyErrors: false, logLevel: "error" } as const;
  const document = parseDocument(text, { lineCounter: lines, ...quiet });
  const error = document.errors[0];
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    const at = `line ${line}, column ${col}`;
    const why = error.message.split("\n")[0]!;
    return refuse(
      "INVALID_YAML",
      `The file is not valid YAML at ${at}: ${why}`,
      "Check the indentation and the quotes on that line.",
      at,
    );
  }
  const data = plainOf(document);
  if (!data.ok) return data;
  const parsed = parseWith(schema, data.value);
  if (parsed.ok || parsed.at === undefined) return parsed;
  const position = positionOf(document, parsed.at, lines);
  return position === undefined
    ? parsed
    : { ...parsed, at: `${parsed.at}, ${position}`, message: `${parsed.message} (${position})` };
}

/** The document as plain data. Aliases that multiply themselves beyond reason are refused, and so
 * are lists and maps as keys: no field is called so, and making text of nested ones never ends. */
function plainOf(document: ReturnType<typeof parseDocument>): Outcome<unknown> {
  let oddKey = false;
  visit(document, {
    Pair: (_, { key }) => {
      oddKey ||= isCollection(key);
      return oddKey ? visit.BREAK : undefined;
    },
  });
  if (oddKey) {
    const message = "The file has a list or a map as the name of a field.";
    return refuse("INVALID_YAML", message, "Name fields with plain words, without `? `.");
  }
  try {
    return ok(document.toJS() as unknown);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return refuse(
      "INVALID_YAML",
      `The file's aliases cannot be followed: ${why}.`,
      "Write the values out instead of using `&` and `*`.",
    );
  }
}

function positionOf(
  document: ReturnType<typeof parseDocument>,
  path: string,
  lines: LineCounter,
): string | undefined {
  const parts = path.split(/[.[\]]+/).filter((part) => part !== "");
  const keys = parts.map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  for (let depth = keys.length; depth > 0; depth -= 1) {
    const node = document.getIn(keys.slice(0, depth), true) as { range?: number[] } | undefined;
    const start = node?.range?.[0];
    if (start !== undefined) {
      const { line, col } = lines.linePos(start);
      return `line ${line}, column ${col}`;
    }
  }
  return undefined;
}
