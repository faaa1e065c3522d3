// Checks for ways around the compiler and the tests: the `any` type, silenced errors, tests that
// are switched off without saying why, and marks of unfinished work.
import * as ts from "typescript/unstable/ast";
import type { Check, Finding } from "./finding.ts";
import { eachNode, lineOf, type TreeFile } from "./tree.ts";

/** Letters that a reason must have at least, so that "x" or "fix" does not pass for one. */
const REASON_LETTERS_MIN = 10;

const UNFINISHED = /\b(?:TODO|FIXME|XXX)\b/;
const SILENCED = /@ts-(ignore|nocheck|expect-error)\b:?(.*)/;
const TEST_CALLS = new Set(["test", "it", "describe", "suite"]);
const SWITCHES = new Set(["only", "skip", "todo"]);

type Fault = readonly [rule: string, message: string];

function commentFault(text: string): Fault | undefined {
  const silenced = SILENCED.exec(text);
  if (silenced?.[1] === "expect-error") {
    const reason = (silenced[2] ?? "").replace(/[^a-z]/gi, "");
    if (reason.length < REASON_LETTERS_MIN) {
      return ["silenced-error", "an expected type error must say why it is expected"];
    }
  } else if (silenced !== null) {
    return ["silenced-error", `@ts-${silenced[1]} hides errors; solve it or expect it, with why`];
  }
  if (UNFINISHED.test(text)) {
    return ["unfinished", "unfinished work belongs in an issue, with a limit that code states"];
  }
  return undefined;
}

/** `test.skip(…)`, `describe.only(…)`, and `t.skip()` inside a test. */
function switchCall(node: ts.CallExpression): Fault | undefined {
  const callee = node.expression;
  if (!ts.isPropertyAccessExpression(callee) || !ts.isIdentifier(callee.expression)) return;
  const name = callee.name.text;
  if (!SWITCHES.has(name)) return undefined;
  const owner = callee.expression.text;
  const called = `${owner}.${name}(`;
  if (TEST_CALLS.has(owner)) {
    if (name === "only") return ["only", `${called} hides the other tests`];
    return ["skip-reason", `${called} gives no reason; use { ${name}: "why" } as an option`];
  }
  if (owner !== "t" && owner !== "context") return undefined;
  return node.arguments.length > 0 ? undefined : ["skip-reason", `${called}) gives no reason`];
}

/** `{ only: true }` and `{ skip: true }` among a test's options. */
function switchOption(node: ts.PropertyAssignment): Fault | undefined {
  const name = node.name.getText();
  if (!SWITCHES.has(name) || node.initializer.kind !== ts.SyntaxKind.TrueKeyword) return undefined;
  if (name === "only") return ["only", "{ only: true } hides the other tests"];
  return ["skip-reason", `{ ${name}: true } gives no reason; write it instead of true`];
}

function nodeFault(node: ts.Node, isTest: boolean): Fault | undefined {
  if (node.kind === ts.SyntaxKind.AnyKeyword) {
    return ["any", "any switches the compiler off; parse unknown at the edge instead"];
  }
  if (ts.isCallExpression(node)) return switchCall(node);
  return isTest && ts.isPropertyAssignment(node) ? switchOption(node) : undefined;
}

function ofFile(file: TreeFile): readonly Finding[] {
  const findings: Finding[] = [];
  const add = (line: number, fault: Fault | undefined): void => {
    if (fault === undefined) return;
    findings.push({ path: file.path, line, rule: fault[0], message: fault[1] });
  };
  for (const comment of file.comments) add(comment.line, commentFault(comment.text));
  const ast = file.ast;
  if (ast !== undefined) {
    eachNode(ast, (node) => add(lineOf(ast, node), nodeFault(node, file.isTest)));
  }
  return findings;
}

/** Ways around the compiler and the tests. */
export const escapes: Check = (tree) => tree.files.flatMap(ofFile);
