// job-file.md: every field of a job as a user writes it, with its type, default and an example.
// Each example is parsed, so none can be wrong.
import { JobWire, parseYaml } from "@tequio/contract";
import { z } from "zod";
import { FIELD_NOTES, type FieldNote } from "./job-fields.ts";
import { code, type Page, page, table, wrap } from "./markdown.ts";
import { type FieldRow, fieldRows, type Schema } from "./schema.ts";

const FILES = ["contract/src/job.ts", "contract/src/primitives.ts"];

const WHOLE = [
  ["A command", "name: hello\ncommand: [echo, hello]\ntime: 5m\n"],
  [
    "An array of 16 tasks, 4 at a time, on one GPU each",
    'name: sweep\nshell: python3 train.py --seed "$SLURM_ARRAY_TASK_ID"\narray: 0-15%4\n' +
      "resources: { accelerators: 1, kind: gpu }\ntime: 2h\n",
  ],
  [
    "A training run over all members that can",
    "name: speeches\nrun:\n  corpus: sotu\n  model: { context: 64, width: 208, layers: 2 }\n" +
      "  stop: { minutes: 10 }\n",
  ],
] as const;

function noteOf(row: FieldRow): FieldNote {
  const note = FIELD_NOTES[row.name];
  if (note === undefined) {
    throw new Error(`Invariant broken: ${row.name} has an entry in tools/reference/job-fields.ts`);
  }
  return note;
}

function checkExample(name: string, text: string): void {
  const runnable = /^(command|shell|run):/m.test(text) ? text : `${text}\ncommand: ["true"]`;
  const parsed = parseYaml(JobWire, runnable);
  if (!parsed.ok) throw new Error(`The example of ${name} is wrong: ${parsed.message}`);
}

function rowCells(row: FieldRow): readonly string[] {
  const { example, about } = noteOf(row);
  checkExample(row.name, example);
  const empty = row.fallback === undefined || ["[]", "{}"].includes(row.fallback);
  const words = about ?? row.about;
  const ended = words === "" || words.endsWith(".") ? words : `${words}.`;
  return [code(row.name), row.type, empty ? "" : code(row.fallback ?? ""), ended, code(example)];
}

/** job-file.md: what `tequio submit FILE` and `POST /v1/jobs` take. */
export function jobFilePage(): Page {
  const schema = z.toJSONSchema(JobWire, { io: "input", unrepresentable: "any" }) as Schema;
  const rows = fieldRows(schema);
  const names = new Set(rows.map((row) => row.name));
  const stale = Object.keys(FIELD_NOTES).filter((name) => !names.has(name));
  if (stale.length > 0) throw new Error(`job-fields.ts names unknown fields: ${stale.join(", ")}`);
  for (const [title, text] of WHOLE) checkExample(title, text);
  const isRun = (row: FieldRow): boolean => row.name === "run" || row.name.startsWith("run.");
  const head = ["field", "type", "default", "means", "example"];
  return page("job-file.md", "Job file", FILES, [
    wrap(
      "What `tequio submit FILE` takes, as YAML or JSON; `POST /v1/jobs` takes the same as JSON. " +
        "Give exactly one of `command`, `shell` and `run`. An unknown field is refused, with its " +
        "line and the nearest known field.",
    ),
    ...WHOLE.flatMap(([title, text]) => [`${title}:`, `\`\`\`yaml\n${text}\`\`\``]),
    "## Fields",
    table(head, rows.filter((row) => !isRun(row)).map(rowCells)),
    "## Fields of a run",
    table(head, rows.filter(isRun).map(rowCells)),
    "## Times, sizes, arrays, dependencies",
    table(
      ["what", "forms"],
      [
        [
          "time",
          "`90s`, `30m`, `12h`, `2d`; as Slurm: `MM`, `MM:SS`, `HH:MM:SS`, `D-HH[:MM[:SS]]`",
        ],
        ["size", "`512M`, `16GB`, `1.5TiB`, in powers of 1,024; a bare number is GiB"],
        ["array", "`0-15`, `0,6,16-32`, `0-15:4` (every fourth), `0-15%4` (at most 4 at a time)"],
        [
          "dependency",
          "`afterok:17` (it completed), `afternotok:17`, `afterany:17`, `after:17` (it began)",
        ],
      ],
    ),
  ]);
}
