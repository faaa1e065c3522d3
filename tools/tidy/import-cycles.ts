// Checks that imports form no circle: between files at run time, and between folders at all.
// A folder and the folders inside it count as one neighbourhood, where a shared file above may
// serve the parts below. Tests are left out, because nobody imports them.
import { posix } from "node:path";
import type { Check, Finding } from "./finding.ts";
import type { Tree } from "./tree.ts";

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly path: string;
  readonly line: number;
}
type Graph = ReadonlyMap<string, readonly Edge[]>;

function fileEdges(tree: Tree): readonly Edge[] {
  return tree.files
    .filter((file) => !file.isTest)
    .flatMap((file) =>
      file.imports.flatMap(({ target, kind, line }) => {
        if (target === undefined || kind !== "value") return [];
        return [{ from: file.path, to: target, path: file.path, line }];
      }),
    );
}

const contains = (outer: string, inner: string): boolean =>
  outer === "." || inner === outer || inner.startsWith(`${outer}/`);

function folderEdges(tree: Tree): readonly Edge[] {
  return tree.files
    .filter((file) => !file.isTest)
    .flatMap((file) =>
      file.imports.flatMap(({ target, kind, line }) => {
        if (target === undefined || kind === "path") return [];
        const from = posix.dirname(file.path);
        const to = posix.dirname(target);
        if (contains(from, to) || contains(to, from)) return [];
        return [{ from, to, path: file.path, line }];
      }),
    );
}

function toGraph(edges: readonly Edge[]): Graph {
  const graph = new Map<string, Edge[]>();
  for (const edge of edges) {
    const out = graph.get(edge.from);
    if (out === undefined) graph.set(edge.from, [edge]);
    else out.push(edge);
  }
  return graph;
}

/** The shortest way from a place back to itself, found breadth first. */
function circleFrom(graph: Graph, start: string): readonly Edge[] | undefined {
  const cameBy = new Map<string, Edge>();
  const queue = [start];
  for (const at of queue) {
    for (const edge of graph.get(at) ?? []) {
      if (edge.to === start) {
        const circle = [edge];
        for (let back = at; back !== start; ) {
          const step = cameBy.get(back);
          if (step === undefined) throw new Error(`Invariant broken: no way back to ${start}`);
          circle.unshift(step);
          back = step.from;
        }
        return circle;
      }
      if (!cameBy.has(edge.to)) {
        cameBy.set(edge.to, edge);
        queue.push(edge.to);
      }
    }
  }
  return undefined;
}

/** One finding per circle: a place already shown as part of one is not shown again. */
function circles(edges: readonly Edge[], rule: string): readonly Finding[] {
  const graph = toGraph(edges);
  const shown = new Set<string>();
  const findings: Finding[] = [];
  for (const start of [...graph.keys()].toSorted()) {
    if (shown.has(start)) continue;
    const circle = circleFrom(graph, start);
    const first = circle?.[0];
    if (circle === undefined || first === undefined) continue;
    for (const edge of circle) shown.add(edge.from);
    const route = [start, ...circle.map((edge) => edge.to)].join(" -> ");
    findings.push({ path: first.path, line: first.line, rule, message: route });
  }
  return findings;
}

/** Circles of imports between files (values only) and between folders (types as well). */
export const importCycles: Check = (tree) => [
  ...circles(fileEdges(tree), "import-cycle"),
  ...circles(folderEdges(tree), "import-cycle"),
];
