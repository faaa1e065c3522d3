// Checks that core/ has no clock, no chance, no waiting and no outside world: STYLE.md rules 2
// and 3. One hidden clock ends replay. Tests of the core and what they share may use all of it;
// import-declared.ts sees to it that nothing else imports what tests share.
import * as ts from "typescript/unstable/ast";
import type { Check, Finding } from "./finding.ts";
import { eachNode, lineOf, type TreeFile } from "./tree.ts";

const RULE = "core-pure";

/** Global names that the core must not touch, with what they would let in. */
const FORBIDDEN: ReadonlyMap<string, string> = new Map([
  ["Date", "a clock; time comes in as an argument"],
  ["performance", "a clock; time comes in as an argument"],
  ["Temporal", "a clock; time comes in as an argument"],
  ["crypto", "chance or keys; they come in as arguments"],
  ["setTimeout", "waiting; the shell waits and sends an event"],
  ["setInterval", "waiting; the shell waits and sends an event"],
  ["setImmediate", "waiting; the shell waits and sends an event"],
  ["queueMicrotask", "waiting; the shell waits and sends an event"],
  ["Promise", "waiting; the core computes, the shell waits"],
  ["process", "the outside world; settings come in as arguments"],
  ["globalThis", "the outside world"],
  ["console", "output; return what should be told"],
  ["fetch", "the network; return a command instead"],
]);

/** Names that the file declares itself: a field or parameter may be called `process`. */
function declaredNames(ast: ts.SourceFile): ReadonlySet<string> {
  const names = new Set<string>();
  eachNode(ast, (node) => {
    const declares =
      ts.isVariableDeclaration(node) ||
      ts.isParameterDeclaration(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isBindingElement(node) ||
      ts.isImportSpecifier(node);
    if (declares && node.name !== undefined && ts.isIdentifier(node.name)) {
      names.add(node.name.text);
    }
  });
  return names;
}

/** Whether an identifier only names a member, as in `x.process` or `{ process: 1 }`. */
function namesMember(node: ts.Identifier): boolean {
  const parent = node.parent;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  // The compiler's names for the members of types end in Declaration, too.
  const named =
    ts.isPropertyAssignment(parent) ||
    ts.isPropertySignatureDeclaration(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isMethodSignatureDeclaration(parent);
  if (named) return parent.name === node;
  return ts.isBindingElement(parent) && parent.propertyName === node;
}

function impurity(node: ts.Node, declared: ReadonlySet<string>): string | undefined {
  if (node.kind === ts.SyntaxKind.AsyncKeyword) return "async lets waiting into the core";
  if (ts.isAwaitExpression(node)) return "await lets waiting into the core";
  if (ts.isPropertyAccessExpression(node)) {
    const chance = node.expression.getText() === "Math" && node.name.text === "random";
    return chance ? "Math.random is chance; random numbers come in as an argument" : undefined;
  }
  if (!ts.isIdentifier(node) || declared.has(node.text) || namesMember(node)) return undefined;
  const why = FORBIDDEN.get(node.text);
  return why === undefined ? undefined : `${node.text} is ${why}`;
}

function ofFile(file: TreeFile): readonly Finding[] {
  const ast = file.ast;
  if (ast === undefined) return [];
  const declared = declaredNames(ast);
  const findings: Finding[] = [];
  const add = (line: number, message: string): void => {
    findings.push({ path: file.path, line, rule: RULE, message });
  };
  for (const { specifier, line } of file.imports) {
    if (specifier.startsWith("node:")) add(line, `${specifier} is the outside world`);
  }
  eachNode(ast, (node) => {
    const message = impurity(node, declared);
    if (message !== undefined) add(lineOf(ast, node), message);
  });
  return findings;
}

/** Clocks, chance, waiting and the outside world in core/. */
export const corePure: Check = (tree) =>
  tree.files
    .filter((file) => file.path.startsWith("core/") && !file.isTest && !file.isTesting)
    .flatMap(ofFile);
