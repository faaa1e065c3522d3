// The pages of codes and limits: errors.md, exit-codes.md, limits.md. All of them are tables of
// the source, so a new code or limit appears here with the next run.
import { EXIT_MEANS, exitCodeOf } from "@tequio/cli";
import { CODES } from "@tequio/core/pool";
import { TRAINING_CODES } from "@tequio/core/training";
import { code, type Page, page, quantity, table, wrap } from "./markdown.ts";
import { constantsOf, type Sources } from "./source.ts";

const REASONS = "core/scheduler/reasons.ts";
const LIMIT_FILES = [
  ["core/pool/limits.ts", "The pool", "What users, operators and agents meet."],
  ["stores/src/limits.ts", "Stores", "Journal, snapshots and blobs."],
  ["core/training/limits.ts", "Rounds of a run", "Shares are of the target time R of a round."],
  ["core/scheduler/bounds.ts", "One scheduling pass", "Nobody outside the scheduler sees them."],
] as const;

/** Files that these pages read. */
export const CODE_SOURCES: readonly string[] = [REASONS, ...LIMIT_FILES.map(([path]) => path)];

const statusRows = (codes: Readonly<Record<string, { status: number; means: string }>>) =>
  Object.entries(codes).map(([name, { status, means }]) => [
    code(name),
    String(status),
    String(exitCodeOf(name)),
    means,
  ]);

/** errors.md: every code that somebody can meet, and every reason to wait. */
export function errorsPage(sources: Sources): Page {
  const head = ["code", "HTTP", "exit", "means"];
  const reasons = constantsOf(sources, REASONS).filter(({ name }) => /^[A-Z_]+$/.test(name));
  return page(
    "errors.md",
    "Error codes and reasons",
    ["core/pool/codes.ts", "core/training/codes.ts", REASONS],
    [
      wrap(
        "Every refusal has a code that stays, a message with the value that was wrong, and a " +
          "hint that says what to do; `at` names the field or the line. HTTP is the status of " +
          "the API's answer, exit is what the command line ends with ([exit codes]" +
          "(exit-codes.md)).",
      ),
      '```json\n{"code":"PROJECT_UNKNOWN","message":"…","hint":"…","at":"project"}\n```',
      "## The pool",
      table(head, statusRows(CODES)),
      "## Spanning runs",
      wrap("Refusals of contributions, and why a run or one of its sites waits."),
      table(head, statusRows(TRAINING_CODES)),
      "## Why a job waits",
      wrap(
        "What `tequio why JOB` counts over the nodes of the pool. These are reasons and no " +
          "errors: the job stays queued until they are gone.",
      ),
      table(
        ["code", "means"],
        reasons.map(({ name, value }) => [code(name), value.replaceAll('"', "")]),
      ),
    ],
  );
}

/** exit-codes.md: what the command line ends with. */
export function exitCodesPage(): Page {
  const all = [...Object.keys(CODES), ...Object.keys(TRAINING_CODES)];
  const rows = [...EXIT_MEANS].map(([exit, means]) => {
    const names = [...new Set(all)].filter((name) => exitCodeOf(name) === exit);
    const shown = exit === exitCodeOf("any other code") ? "all others" : names.map(code).join(", ");
    return [String(exit), means, shown];
  });
  return page(
    "exit-codes.md",
    "Exit codes",
    ["cli/src/exit-codes.ts"],
    [
      wrap(
        "What `tequio` ends with. Scripts may rely on it. With `--json` the refusal itself goes " +
          "to standard error as one line of JSON; standard output holds results only.",
      ),
      table(["exit", "means", "error codes"], rows),
    ],
  );
}

/** limits.md: every named limit with its reason. */
export function limitsPage(sources: Sources): Page {
  const blocks = LIMIT_FILES.flatMap(([path, title, about]) => [
    `## ${title}`,
    wrap(about),
    table(
      ["limit", "value", "reason"],
      constantsOf(sources, path).map(({ name, value, comment }) => [
        code(name),
        quantity(name, value),
        comment,
      ]),
    ),
  ]);
  return page(
    "limits.md",
    "Limits",
    LIMIT_FILES.map(([path]) => path),
    [
      wrap(
        "What goes past a limit is refused with a code, never lost. A limit cannot be set from " +
          "outside; to change one, change its constant.",
      ),
      ...blocks,
    ],
  );
}
