// Checks that an exported function says what it does: a docstring stands directly above it.
// Inside a package a function of one line may speak for itself; what a package shows to others,
// through the files of its exports and what they pass on, may not. Types and constants need none.
import * as ts from "typescript/unstable/ast";
import type { Check, Finding } from "./finding.ts";
import { endLineOf, lineOf, type Tree, type TreeFile } from "./tree.ts";

interface Exported {
  readonly name: string;
  readonly statement: ts.Node;
}

/** Names in `export { a, b as c };` of this file's own things. */
function listedNames(ast: ts.SourceFile): ReadonlySet<string> {
  const names = new Set<string>();
  for (const statement of ast.statements) {
    if (!ts.isExportDeclaration(statement) || statement.moduleSpecifier !== undefined) continue;
    const clause = statement.exportClause;
    if (clause === undefined || !ts.isNamedExports(clause)) continue;
    for (const element of clause.elements) {
      names.add((element.propertyName ?? element.name).getText());
    }
  }
  return names;
}

/** The function that a statement declares, by either spelling. */
function functionNames(statement: ts.Node): readonly string[] {
  if (ts.isFunctionDeclaration(statement)) return [statement.name?.text ?? "default"];
  if (!ts.isVariableStatement(statement)) return [];
  return statement.declarationList.declarations.flatMap((declaration) => {
    const value = declaration.initializer;
    const isFunction =
      value !== undefined && (ts.isArrowFunction(value) || ts.isFunctionExpression(value));
    return isFunction ? [declaration.name.getText()] : [];
  });
}

function isExported(statement: ts.Node): boolean {
  if (!ts.isFunctionDeclaration(statement) && !ts.isVariableStatement(statement)) return false;
  return (statement.modifiers ?? []).some((word) => word.kind === ts.SyntaxKind.ExportKeyword);
}

/** Exported functions. Of an overloaded one only the first line of the group counts. */
function exportedFunctions(ast: ts.SourceFile): readonly Exported[] {
  const listed = listedNames(ast);
  const first = new Map<string, Exported>();
  for (const statement of ast.statements) {
    for (const name of functionNames(statement)) {
      if (first.has(name) || !(isExported(statement) || listed.has(name))) continue;
      first.set(name, { name, statement });
    }
  }
  return [...first.values()];
}

function hasDocstring(file: TreeFile, start: number): boolean {
  return file.comments.some(
    (comment) =>
      comment.text.startsWith("/**") &&
      comment.end <= start &&
      /^[ \t]*\n?[ \t]*$/.test(file.text.slice(comment.end, start)),
  );
}

/** Files whose functions other packages see: the exported ones, and what those pass on. */
function publicFiles(tree: Tree): ReadonlySet<string> {
  const queue = tree.packages.flatMap((found) => [...found.exports.values()]);
  const seen = new Set(queue);
  for (const path of queue) {
    for (const { target, passedOn } of tree.byPath.get(path)?.imports ?? []) {
      if (!passedOn || target === undefined || seen.has(target)) continue;
      seen.add(target);
      queue.push(target);
    }
  }
  return seen;
}

function ofFile(file: TreeFile, isPublic: boolean): readonly Finding[] {
  const ast = file.ast;
  if (ast === undefined || file.isTest) return [];
  const speaksForItself = (statement: ts.Node): boolean =>
    !isPublic && lineOf(ast, statement) === endLineOf(ast, statement);
  return exportedFunctions(ast)
    .filter(({ statement }) => !speaksForItself(statement))
    .filter(({ statement }) => !hasDocstring(file, statement.getStart(ast)))
    .map(({ name, statement }) => ({
      path: file.path,
      line: lineOf(ast, statement),
      rule: "docstring",
      message: `${name} is exported and has no docstring directly above it`,
    }));
}

/** Exported functions without a docstring. */
export const docstrings: Check = (tree) => {
  const shown = publicFiles(tree);
  return tree.files.flatMap((file) => ofFile(file, shown.has(file.path)));
};
