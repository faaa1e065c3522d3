// Checks what fits the screen: lines, functions and files. STYLE.md rule 13. Where there is no
// seam, the whole thing is named in exceptions.ts with its reason.
import * as ts from "typescript/unstable/ast";
import type { Check, Finding } from "./finding.ts";
import { eachNode, endLineOf, lineOf, type TreeFile } from "./tree.ts";

/** Lines of a file: what a reader can keep in mind as one subject. */
const FILE_LINES_MAX = 400;
/** Lines of a function: one high screen. */
const FUNCTION_LINES_MAX = 70;
/** Columns of a line: two files fit side by side. */
const LINE_COLUMNS_MAX = 100;

const TEST_CALLS = new Set(["test", "it", "describe", "suite"]);

const isFunction = (node: ts.Node): boolean =>
  ts.isFunctionDeclaration(node) ||
  ts.isFunctionExpression(node) ||
  ts.isArrowFunction(node) ||
  ts.isMethodDeclaration(node) ||
  ts.isConstructorDeclaration(node) ||
  ts.isGetAccessorDeclaration(node) ||
  ts.isSetAccessorDeclaration(node);

/** Whether a function is the body of `test("…", () => …)` and the like. */
function isTestBody(node: ts.Node): boolean {
  const call = node.parent;
  if (!isFunction(node) || !ts.isCallExpression(call)) return false;
  return ts.isIdentifier(call.expression) && TEST_CALLS.has(call.expression.text);
}

/** A function's lines. Tests inside count for themselves: a suite is a list, not one thought. */
function functionLines(ast: ts.SourceFile, node: ts.Node): number {
  let inner = 0;
  const visit = (child: ts.Node): void => {
    if (isTestBody(child)) inner += endLineOf(ast, child) - lineOf(ast, child);
    else child.forEachChild(visit);
  };
  node.forEachChild(visit);
  return endLineOf(ast, node) - lineOf(ast, node) + 1 - inner;
}

function nameOf(node: ts.Node): string {
  const named = ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node) ? node : node.parent;
  if (ts.isFunctionDeclaration(named) || ts.isMethodDeclaration(named)) {
    return named.name?.getText() ?? "a function";
  }
  return ts.isVariableDeclaration(named) ? named.name.getText() : "a function";
}

function longFunctions(file: TreeFile): readonly Finding[] {
  const ast = file.ast;
  if (ast === undefined) return [];
  const findings: Finding[] = [];
  eachNode(ast, (node) => {
    const lines = isFunction(node) ? functionLines(ast, node) : 0;
    if (lines <= FUNCTION_LINES_MAX) return;
    const message = `${nameOf(node)} has ${lines} lines; the limit is ${FUNCTION_LINES_MAX}`;
    findings.push({ path: file.path, line: lineOf(ast, node), rule: "function-length", message });
  });
  return findings;
}

function ofFile(file: TreeFile): readonly Finding[] {
  const findings: Finding[] = [];
  const count = file.lines.length;
  if (count > FILE_LINES_MAX) {
    const message = `the file has ${count} lines; the limit is ${FILE_LINES_MAX}`;
    findings.push({ path: file.path, line: count, rule: "file-length", message });
  }
  for (const [index, line] of file.lines.entries()) {
    const columns = line.length <= LINE_COLUMNS_MAX ? line.length : [...line].length;
    if (columns <= LINE_COLUMNS_MAX) continue;
    const message = `the line has ${columns} columns; the limit is ${LINE_COLUMNS_MAX}`;
    findings.push({ path: file.path, line: index + 1, rule: "line-width", message });
  }
  return [...findings, ...longFunctions(file)];
}

/** Files, functions and lines past their limits. */
export const size: Check = (tree) => tree.files.flatMap(ofFile);
