// Checks error codes against the one list that documents them: every code that a refusal carries
// is listed with its meaning, and every listed code is used. STYLE.md rules 6 and 15.
import * as ts from "typescript/unstable/ast";
import type { Check, Finding } from "./finding.ts";
import { eachNode, lineOf, type Tree, type TreeFile } from "./tree.ts";

/** Where codes are documented, as `export const CODES = { STORE_FULL: "…" } as const`. */
const LIST = "core/pool/codes.ts";
const LIST_NAME = "CODES";
const CODE = /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$|^[A-Z]{4,}$/;

interface Place {
  readonly code: string;
  readonly path: string;
  readonly line: number;
}

/** The object behind `{…} as const` and `{…} satisfies T`. */
function unwrapped(node: ts.Node | undefined): ts.Node | undefined {
  if (node === undefined) return undefined;
  const wraps = ts.isAsExpression(node) || ts.isSatisfiesExpression(node);
  if (wraps || ts.isParenthesizedExpression(node)) return unwrapped(node.expression);
  return node;
}

function listedCodes(file: TreeFile | undefined): readonly Place[] {
  const ast = file?.ast;
  if (file === undefined || ast === undefined) return [];
  const places: Place[] = [];
  eachNode(ast, (node) => {
    if (!ts.isVariableDeclaration(node) || node.name.getText() !== LIST_NAME) return;
    const list = unwrapped(node.initializer);
    if (list === undefined || !ts.isObjectLiteralExpression(list)) return;
    for (const entry of list.properties) {
      if (!ts.isPropertyAssignment(entry)) continue;
      const code = entry.name.getText().replaceAll('"', "");
      places.push({ code, path: file.path, line: lineOf(ast, entry) });
    }
  });
  return places;
}

/** The texts that an expression can come to, as far as its branches show. */
function textsOf(node: ts.Node | undefined): readonly ts.Node[] {
  const bare = unwrapped(node);
  if (bare === undefined) return [];
  if (ts.isConditionalExpression(bare)) {
    return [...textsOf(bare.whenTrue), ...textsOf(bare.whenFalse)];
  }
  return ts.isStringLiteral(bare) ? [bare] : [];
}

/** The expressions that carry a refusal's code: `code: …` and `refuse(…)`. */
function codeExpression(node: ts.Node): ts.Node | undefined {
  if (ts.isPropertyAssignment(node)) {
    return node.name.getText() === "code" ? node.initializer : undefined;
  }
  if (!ts.isCallExpression(node) || !ts.isIdentifier(node.expression)) return undefined;
  return /^refus(?:e|al)/.test(node.expression.text) ? node.arguments[0] : undefined;
}

function usesIn(file: TreeFile): { refused: readonly Place[]; named: ReadonlySet<string> } {
  const refused: Place[] = [];
  const named = new Set<string>();
  const ast = file.ast;
  if (ast === undefined) return { refused, named };
  eachNode(ast, (node) => {
    if (ts.isStringLiteral(node)) named.add(node.text);
    for (const text of textsOf(codeExpression(node))) {
      if (!ts.isStringLiteral(text) || !CODE.test(text.text)) continue;
      refused.push({ code: text.text, path: file.path, line: lineOf(ast, text) });
    }
  });
  return { refused, named };
}

function findings(tree: Tree): readonly Finding[] {
  const listed = listedCodes(tree.byPath.get(LIST));
  const known = new Set(listed.map((place) => place.code));
  const uses = tree.files.filter((file) => !file.isTest && file.path !== LIST).map(usesIn);
  const unlisted = uses
    .flatMap((use) => use.refused)
    .filter((place) => !known.has(place.code))
    .map(({ code, path, line }) => {
      return { path, line, rule: "code-listed", message: `${code} is not listed in ${LIST}` };
    });
  const unused = listed
    .filter(({ code }) => !uses.some((use) => use.named.has(code)))
    .map(({ code, path, line }) => {
      return { path, line, rule: "code-used", message: `no refusal carries ${code}` };
    });
  return [...unlisted, ...unused];
}

/** Codes that are used and not listed, or listed and not used. */
export const codes: Check = findings;
