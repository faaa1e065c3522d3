// Reads from the sources what has no value at run time: comments beside constants, the comment
// that opens a file, and the fields of union types. Syntax only; types are not resolved.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as ts from "typescript/unstable/ast";
import { parseAll } from "../tidy/parse.ts";

/** A named constant with the reason that stands above it. */
export interface Constant {
  readonly name: string;
  /** As it is written in the source. */
  readonly value: string;
  readonly comment: string;
}

/** A field of a type, as it is written. */
export interface Field {
  readonly name: string;
  readonly type: string;
  readonly optional: boolean;
}

/** The parsed files that a page is made from, by their paths from the root. */
export interface Sources {
  readonly text: (path: string) => string;
  readonly ast: (path: string) => ts.SourceFile;
}

/** Reads and parses files. Throws when one is missing: the reference names what exists. */
export function readSources(root: string, paths: readonly string[]): Sources {
  const texts = new Map(paths.map((path) => [path, readFileSync(join(root, path), "utf8")]));
  const asts = parseAll(texts);
  return { text: (path) => texts.get(path)!, ast: (path) => asts.get(path)! };
}

/** The words of the last comment before a node, without its stars and slashes. */
function commentBefore(node: ts.Node, text: string, ast: ts.SourceFile): string {
  const before = text.slice(node.pos, node.getStart(ast));
  const block = [...before.matchAll(/\/\*\*?([\s\S]*?)\*\//g)].at(-1)?.[1];
  const lines = before.split("\n").filter((line) => line.trim().startsWith("//"));
  const words = block ?? lines.map((line) => line.trim().slice(2)).join("\n");
  return words
    .replaceAll(/\n\s*\*/g, "\n")
    .replaceAll(/\s+/g, " ")
    .trim();
}

const unwrapped = (node: ts.Node): ts.Node =>
  ts.isAsExpression(node) || ts.isSatisfiesExpression(node) ? unwrapped(node.expression) : node;

/** Constants of a file: entries of exported objects, and exported numbers on their own. */
export function constantsOf(sources: Sources, path: string): readonly Constant[] {
  const [ast, text] = [sources.ast(path), sources.text(path)];
  const found: Constant[] = [];
  for (const statement of ast.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    for (const declaration of statement.declarationList.declarations) {
      if (declaration.initializer === undefined) continue;
      const value = unwrapped(declaration.initializer);
      const comment = commentBefore(statement, text, ast);
      if (!ts.isObjectLiteralExpression(value)) {
        found.push({ name: declaration.name.getText(ast), value: value.getText(ast), comment });
        continue;
      }
      for (const entry of value.properties) {
        if (!ts.isPropertyAssignment(entry)) continue;
        const [name, given] = [entry.name.getText(ast), entry.initializer.getText(ast)];
        found.push({ name, value: given, comment: commentBefore(entry, text, ast) });
      }
    }
  }
  return found;
}

/** The comment that opens a file, its lines kept. */
export function openingComment(sources: Sources, path: string): string {
  const block = /^\/\*\*?([\s\S]*?)\*\//.exec(sources.text(path))?.[1] ?? "";
  return block.replaceAll(/\n \* ?/g, "\n").trim();
}

type Declared = ReadonlyMap<string, { readonly node: ts.Node; readonly ast: ts.SourceFile }>;

/** Interfaces and type aliases of several files by name; a name of the first file wins. */
function declarations(sources: Sources, paths: readonly string[]): Declared {
  const found = new Map<string, { node: ts.Node; ast: ts.SourceFile }>();
  for (const path of paths) {
    const ast = sources.ast(path);
    for (const node of ast.statements) {
      if (!ts.isInterfaceDeclaration(node) && !ts.isTypeAliasDeclaration(node)) continue;
      const name = node.name.getText(ast);
      if (!found.has(name)) found.set(name, { node, ast });
    }
  }
  return found;
}

const fieldOf = (member: ts.Node, ast: ts.SourceFile): readonly Field[] => {
  if (!ts.isPropertySignatureDeclaration(member) || member.type === undefined) return [];
  const written = member.getText(ast);
  const name = member.name.getText(ast);
  const type = member.type.getText(ast).replaceAll(/\s+/g, " ");
  return [{ name, type, optional: new RegExp(`\\b${name}\\?:`).test(written) }];
};

function fieldsOf(node: ts.Node, ast: ts.SourceFile, declared: Declared): readonly Field[] {
  if (ts.isParenthesizedTypeNode(node)) return fieldsOf(node.type, ast, declared);
  if (ts.isIntersectionTypeNode(node)) {
    return node.types.flatMap((part) => fieldsOf(part, ast, declared));
  }
  if (ts.isTypeLiteralNode(node)) return node.members.flatMap((member) => fieldOf(member, ast));
  if (ts.isTypeReferenceNode(node)) {
    const there = declared.get(node.typeName.getText(ast));
    return there === undefined ? [] : fieldsOf(there.node, there.ast, declared);
  }
  if (ts.isInterfaceDeclaration(node)) {
    const above = (node.heritageClauses ?? []).flatMap((clause) =>
      clause.types.flatMap((type) => {
        const there = declared.get(type.expression.getText(ast));
        return there === undefined ? [] : fieldsOf(there.node, there.ast, declared);
      }),
    );
    return [...above, ...node.members.flatMap((member) => fieldOf(member, ast))];
  }
  if (ts.isTypeAliasDeclaration(node)) return fieldsOf(node.type, ast, declared);
  return [];
}

/**
 * The variants of a union whose members carry `type: "…"`: fields by that text. Names of other
 * types are looked up in the given files, the union's own first.
 */
export function variantsOf(
  sources: Sources,
  union: string,
  paths: readonly string[],
): ReadonlyMap<string, readonly Field[]> {
  const declared = declarations(sources, paths);
  const found = declared.get(union);
  const isUnion = found !== undefined && ts.isTypeAliasDeclaration(found.node);
  if (!isUnion || !ts.isUnionTypeNode((found.node as ts.TypeAliasDeclaration).type)) {
    throw new Error(`Invariant broken: ${union} is a union in ${paths[0]}`);
  }
  const { types } = (found.node as ts.TypeAliasDeclaration).type as ts.UnionTypeNode;
  const variants = new Map<string, readonly Field[]>();
  for (const member of types) {
    const fields = fieldsOf(member, found.ast, declared);
    const names = fields.find((field) => field.name === "type")?.type ?? "";
    const rest = fields.filter((field) => field.name !== "type");
    for (const [, name = ""] of names.matchAll(/"([^"]+)"/g)) variants.set(name, rest);
  }
  return variants;
}
