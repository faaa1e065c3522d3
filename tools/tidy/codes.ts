// Checks codes against the lists that document them: every code that a refusal or a reason to
// wait carries is listed with its meaning, and every listed code is used. STYLE.md rules 6, 7, 15.
import * as ts from "typescript/unstable/ast";
import type { Check, Finding } from "./finding.ts";
import { eachNode, lineOf, type TreeFile } from "./tree.ts";

/** Where codes are documented, each list as `export const NAME = { CODE: … } as const`. */
const LISTS: ReadonlyMap<string, string> = new Map([
  ["core/pool/codes.ts", "CODES"],
  ["core/training/codes.ts", "TRAINING_CODES"],
  ["core/scheduler/reasons.ts", "REASONS"],
]);
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
    if (!ts.isVariableDeclaration(node) || node.name.getText() !== LISTS.get(file.path)) return;
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

const isKey = (node: ts.Node): boolean =>
  ts.isPropertyAssignment(node.parent) && node.parent.name === node;

function usesIn(file: TreeFile): { refused: readonly Place[]; named: ReadonlySet<string> } {
  const refused: Place[] = [];
  const named = new Set<string>();
  const ast = file.ast;
  if (ast === undefined) return { refused, named };
  eachNode(ast, (node) => {
    if (ts.isStringLiteral(node) && !isKey(node)) named.add(node.text);
    if (ts.isPropertyAccessExpression(node)) named.add(node.name.text); // CODES.STORE_FULL
    for (const text of textsOf(codeExpression(node))) {
      if (!ts.isStringLiteral(text) || !CODE.test(text.text)) continue;
      refused.push({ code: text.text, path: file.path, line: lineOf(ast, text) });
    }
  });
  return { refused, named };
}

/** Codes that are used and not listed, or listed and not used. */
export const codes: Check = (tree) => {
  const lists = [...LISTS.keys()];
  const listed = lists.flatMap((path) => listedCodes(tree.byPath.get(path)));
  const known = new Set(listed.map((place) => place.code));
  const uses = tree.files.filter((file) => !file.isTest).map(usesIn);
  const unlisted = uses
    .flatMap((use) => use.refused)
    .filter((place) => !known.has(place.code))
    .map(({ code, path, line }): Finding => {
      const message = `${code} is in none of ${lists.join(", ")}`;
      return { path, line, rule: "code-listed", message };
    });
  const unused = listed
    .filter(({ code }) => !uses.some((use) => use.named.has(code)))
    .map(({ code, path, line }): Finding => {
      return { path, line, rule: "code-used", message: `nothing carries ${code}` };
    });
  return [...unlisted, ...unused];
};
