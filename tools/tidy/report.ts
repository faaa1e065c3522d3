// Runs all checks on a tree, takes out what the exceptions excuse, and writes the result as
// text. Where the tree and the exceptions come from is main.ts's business.
import { codes } from "./codes.ts";
import { corePure } from "./core-pure.ts";
import { deadFiles } from "./dead-files.ts";
import { docstrings } from "./docstrings.ts";
import { escapes } from "./escapes.ts";
import type { Exception } from "./exceptions.ts";
import type { Check, Finding } from "./finding.ts";
import { importCycles } from "./import-cycles.ts";
import { importDeclared } from "./import-declared.ts";
import { importDirection } from "./import-direction.ts";
import { importSideways } from "./import-sideways.ts";
import { openingComment } from "./opening-comment.ts";
import { size } from "./size.ts";
import type { Tree } from "./tree.ts";

const CHECKS: readonly Check[] = [
  importDirection,
  importDeclared,
  importSideways,
  importCycles,
  corePure,
  escapes,
  size,
  openingComment,
  deadFiles,
  codes,
  docstrings,
];

const EXCEPTIONS_PATH = "tools/tidy/exceptions.ts";

const excuses = (exception: Exception, finding: Finding): boolean =>
  exception.path === finding.path && exception.rule === finding.rule;

function faultOf(exception: Exception, findings: readonly Finding[]): string | undefined {
  const named = `${exception.path} (${exception.rule})`;
  if (exception.reason.trim() === "") return `the exception for ${named} gives no reason`;
  if (findings.some((finding) => excuses(exception, finding))) return undefined;
  return `the exception for ${named} is no longer needed; remove it`;
}

const byPlace = (a: Finding, b: Finding): number =>
  a.path === b.path ? a.line - b.line : a.path < b.path ? -1 : 1;

/** All findings that no exception excuses, and all exceptions that are at fault themselves. */
export function runChecks(tree: Tree, exceptions: readonly Exception[]): readonly Finding[] {
  const all = CHECKS.flatMap((check) => check(tree));
  const open = all.filter((finding) => !exceptions.some((one) => excuses(one, finding)));
  const stale = exceptions.flatMap((exception): readonly Finding[] => {
    const message = faultOf(exception, all);
    if (message === undefined) return [];
    return [{ path: EXCEPTIONS_PATH, line: 1, rule: "exception", message }];
  });
  return [...open, ...stale].toSorted(byPlace);
}

/** One line per finding, `path:line rule message`. */
export const toLines = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ path, line, rule, message }) => `${path}:${line} ${rule} ${message}`);
