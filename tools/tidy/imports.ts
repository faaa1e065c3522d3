// Lists what a file imports and finds the file behind each name. Whether an import is allowed
// is for the checks to say.
import { posix } from "node:path";
import * as ts from "typescript/unstable/ast";
import type { Package } from "./packages.ts";

/** How a file refers to another: at run time, for its types only, or by a path that it starts. */
export type ImportKind = "value" | "type" | "path";

/** One import as it is written. */
export interface RawImport {
  readonly specifier: string;
  readonly line: number;
  readonly kind: ImportKind;
  /** Whether it is a re-export: what it brings in is shown to others. */
  readonly passedOn: boolean;
}

/** An import with the file behind it, when that file is part of the tree. */
export interface Import extends RawImport {
  readonly target: string | undefined;
}

const QUERY = /\?.*$/; // A bundler takes "./page.ts?worker" as a request on "./page.ts".
const ENDINGS = ["", ".ts", ".tsx", "/index.ts", "/index.tsx"];

function onlyTypes(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const named = clause.namedBindings;
  if (clause.name !== undefined || named === undefined || !ts.isNamedImports(named)) return false;
  return named.elements.length > 0 && named.elements.every((element) => element.isTypeOnly);
}

/** The text of `new URL("./x.ts", import.meta.url)` and `import.meta.resolve("./x.ts")`. */
function pathReference(node: ts.Node): ts.Node | undefined {
  if (ts.isNewExpression(node)) {
    const named = ts.isIdentifier(node.expression) && node.expression.text === "URL";
    return named && node.arguments?.length === 2 ? node.arguments[0] : undefined;
  }
  if (!ts.isCallExpression(node)) return undefined;
  return node.expression.getText() === "import.meta.resolve" ? node.arguments[0] : undefined;
}

function specifierOf(node: ts.Node): { text: ts.Node | undefined; kind: ImportKind } | undefined {
  if (ts.isImportDeclaration(node)) {
    const kind = onlyTypes(node.importClause) ? "type" : "value";
    return { text: node.moduleSpecifier, kind };
  }
  if (ts.isExportDeclaration(node)) {
    return { text: node.moduleSpecifier, kind: node.isTypeOnly ? "type" : "value" };
  }
  if (ts.isImportTypeNode(node)) {
    const literal = ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined;
    return { text: literal, kind: "type" };
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return { text: node.arguments[0], kind: "value" };
  }
  const path = pathReference(node);
  return path === undefined ? undefined : { text: path, kind: "path" };
}

const isText = (node: ts.Node): node is ts.StringLiteral | ts.NoSubstitutionTemplateLiteral =>
  ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node);

/** Every import, re-export, `import()` and module path in a parsed file. */
export function rawImports(ast: ts.SourceFile): readonly RawImport[] {
  const found: RawImport[] = [];
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node);
    const text = specifier?.text;
    if (specifier !== undefined && text !== undefined && isText(text)) {
      const line = ast.getLineAndCharacterOfPosition(text.getStart(ast)).line + 1;
      const passedOn = ts.isExportDeclaration(node);
      found.push({ specifier: text.text, line, kind: specifier.kind, passedOn });
    }
    node.forEachChild(visit);
  };
  visit(ast);
  return found;
}

/** The package that a bare specifier names: "@a/b/c" -> "@a/b", "a/b" -> "a". */
export const packageName = (specifier: string): string =>
  specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");

/** Whether a specifier is a path and not a package. */
export const isRelative = (specifier: string): boolean => /^\.{0,2}\//.test(specifier);

/** The path of the file in the tree behind a specifier, or undefined when it lies outside. */
export function resolveImport(
  from: string,
  specifier: string,
  paths: ReadonlySet<string>,
  packages: readonly Package[],
): string | undefined {
  const bare = specifier.replace(QUERY, "");
  if (isRelative(bare)) {
    const path = posix.join(posix.dirname(from), bare);
    return ENDINGS.map((ending) => path + ending).find((candidate) => paths.has(candidate));
  }
  const name = packageName(bare);
  const owner = packages.find((candidate) => candidate.name === name);
  return owner?.exports.get(`.${bare.slice(name.length)}`);
}
