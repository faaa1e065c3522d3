// Finds the comments of a file. Text in strings, templates, patterns and JSX is no comment, so
// a check that reads comments is never fooled by a quoted one.
import { type Node, type SourceFile, SyntaxKind } from "typescript/unstable/ast";

/** A comment with its place: offsets into the text, lines from 1. */
export interface Comment {
  readonly start: number;
  readonly end: number;
  readonly line: number;
  readonly endLine: number;
  readonly text: string;
}

const QUOTED: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.StringLiteral,
  SyntaxKind.NoSubstitutionTemplateLiteral,
  SyntaxKind.TemplateHead,
  SyntaxKind.TemplateMiddle,
  SyntaxKind.TemplateTail,
  SyntaxKind.RegularExpressionLiteral,
  SyntaxKind.JsxText,
]);

/** Ends of the quoted stretches, by their starts. */
function quotedStretches(ast: SourceFile): ReadonlyMap<number, number> {
  const stretches = new Map<number, number>();
  const visit = (node: Node): void => {
    if (QUOTED.has(node.kind)) {
      const start = node.kind === SyntaxKind.JsxText ? node.pos : node.getStart(ast);
      stretches.set(start, node.end);
    }
    node.forEachChild(visit);
  };
  visit(ast);
  return stretches;
}

function commentEnd(text: string, start: number): number {
  const lineComment = text[start + 1] === "/";
  const close = lineComment ? text.indexOf("\n", start) : text.indexOf("*/", start + 2);
  if (close < 0) return text.length;
  return lineComment ? close : close + 2;
}

const linesIn = (text: string): number => text.split("\n").length - 1;

function toComments(
  text: string,
  ranges: readonly (readonly [number, number])[],
): readonly Comment[] {
  const comments: Comment[] = [];
  let line = 1;
  let at = 0;
  for (const [start, end] of ranges) {
    line += linesIn(text.slice(at, start));
    const body = text.slice(start, end);
    const endLine = line + linesIn(body);
    comments.push({ start, end, line, endLine, text: body });
    line = endLine;
    at = end;
  }
  return comments;
}

/** The comments of a parsed file, in order. */
export function codeComments(text: string, ast: SourceFile): readonly Comment[] {
  const quoted = quotedStretches(ast);
  const ranges: [number, number][] = [];
  let at = text.startsWith("#!") ? Math.max(text.indexOf("\n"), 0) : 0;
  while (at < text.length) {
    const quotedEnd = quoted.get(at);
    if (quotedEnd !== undefined && quotedEnd > at) {
      at = quotedEnd;
    } else if (text[at] === "/" && (text[at + 1] === "/" || text[at + 1] === "*")) {
      const end = commentEnd(text, at);
      ranges.push([at, end]);
      at = end;
    } else {
      at += 1;
    }
  }
  return toComments(text, ranges);
}

/** The comments of a style sheet, in order. */
export function styleComments(text: string): readonly Comment[] {
  const found = [...text.matchAll(/\/\*[\s\S]*?\*\//g)];
  const ranges = found.map((match): [number, number] => [
    match.index,
    match.index + match[0].length,
  ]);
  return toComments(text, ranges);
}
