// Checks that an exported function says what it does: a docstring stands directly above it.
// Types and constants may speak for themselves, and tests export nothing.
import * as ts from "typescript/unstable/ast";
import type { Check, Finding } from "./finding.ts";
import { lineOf, type TreeFile } from "./tree.ts";

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

function ofFile(file: TreeFile): readonly Finding[] {
  const ast = file.ast;
  if (ast === undefined || file.isTest) return [];
  return exportedFunctions(ast)
    .filter(({ statement }) => !hasDocstring(file, statement.getStart(ast)))
    .map(({ name, statement }) => ({
      path: file.path,
      line: lineOf(ast, statement),
      rule: "docstring",
      message: `${name} is exported and has no docstring directly above it`,
    }));
}

/** Exported functions without a docstring. */
export const docstrings: Check = (tree) => tree.files.flatMap(ofFile);
