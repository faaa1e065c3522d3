// Nodes and pods of Alibaba's trace of 2023 as the FGD paper's simulator ships it, and the ready
// orders of arrival that go with it. Text in, rows out; placing them is left to replay/openb.ts.

import { type Outcome, ok, refuse } from "../../pool/index.ts";
import type { NodeShape, Request } from "../../scheduler/placement/index.ts";
import { BrokenLine, csvLines, reading, shown, type TraceLine, textAt, wholeAt } from "./rows.ts";

const MILLI_CPU_MAX = 100_000_000;
const MEMORY_MIB_MAX = 1_000_000_000;
const ACCELERATORS_MAX = 16;

/** Reads the list of nodes: `sn,cpu_milli,memory_mib,gpu,model`. */
export function parseOpenbNodes(text: string): Outcome<readonly NodeShape[]> {
  return reading("openb node", () => {
    const { lines, column } = table(text, ["cpu_milli", "memory_mib", "gpu", "model"]);
    return lines.map((at) => ({
      milliCpu: wholeAt(at, column.cpu_milli!, ["cpu_milli", 1, MILLI_CPU_MAX]),
      memoryMiB: wholeAt(at, column.memory_mib!, ["memory_mib", 1, MEMORY_MIB_MAX]),
      accelerators: wholeAt(at, column.gpu!, ["gpu", 0, ACCELERATORS_MAX]),
      model: textAt(at, column.model!, "a model"),
    }));
  });
}

/** Reads a list of pods; the column `gpu_spec` may be missing. */
export function parseOpenbPods(text: string): Outcome<readonly Request[]> {
  return reading("openb pod", () => {
    const needed = ["cpu_milli", "memory_mib", "num_gpu", "gpu_milli"];
    const { lines, column } = table(text, needed);
    return lines.map((at) => podAt(at, column));
  });
}

function podAt(at: TraceLine, column: Readonly<Record<string, number>>): Request {
  const accelerators = wholeAt(at, column.num_gpu!, ["num_gpu", 0, ACCELERATORS_MAX]);
  const least = accelerators > 1 ? 1_000 : 1;
  const milli =
    accelerators === 0 ? 0 : wholeAt(at, column.gpu_milli!, ["gpu_milli", least, 1_000]);
  const models = column.gpu_spec === undefined ? "" : (at.fields[column.gpu_spec] ?? "");
  return {
    milliCpu: wholeAt(at, column.cpu_milli!, ["cpu_milli", 0, MILLI_CPU_MAX]),
    memoryMiB: wholeAt(at, column.memory_mib!, ["memory_mib", 0, MEMORY_MIB_MAX]),
    accelerators,
    milli,
    models: accelerators === 0 ? "" : models,
  };
}

/** Lines below a header that names at least these columns, and where each column stands. */
function table(
  text: string,
  needed: readonly string[],
): { lines: readonly TraceLine[]; column: Readonly<Record<string, number>> } {
  const [header, ...lines] = [...csvLines(text)];
  if (header === undefined) throw new BrokenLine(1, `the columns ${needed}`, "an empty file");
  const column = Object.fromEntries(header.fields.map((name, at) => [name, at]));
  for (const name of needed) {
    if (column[name] === undefined) {
      throw new BrokenLine(header.line, `a column ${name}`, header.fields.join(","));
    }
  }
  for (const { line, fields } of lines) {
    if (fields.length !== header.fields.length) {
      const want = `${header.fields.length} fields as in the header`;
      throw new BrokenLine(line, want, `${fields.length} fields`);
    }
  }
  if (lines.length === 0) throw new BrokenLine(header.line, "at least one row", "none");
  return { lines, column };
}

/** One order of arrival: rows of the pod list, and the rank of each node. */
export interface OpenbArrivals {
  readonly seed: string;
  readonly pods: readonly number[];
  readonly nodeRank: readonly number[];
}

/** Reads `{"42":{"pods":[…],"nodeRank":[…]},…}`; every number must point at a row. */
export function parseOpenbArrivals(
  text: string,
  counts: { readonly nodes: number; readonly pods: number },
): Outcome<readonly OpenbArrivals[]> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return broken(`it is no JSON (${error instanceof Error ? error.message : ""})`);
  }
  if (typeof parsed !== "object" || parsed === null) return broken("it is no object by seed");
  const seeds: OpenbArrivals[] = [];
  for (const [seed, value] of Object.entries(parsed)) {
    const { pods, nodeRank } = (value ?? {}) as { pods?: unknown; nodeRank?: unknown };
    if (!isRows(pods, counts.pods)) return broken(`pods of seed ${shown(seed)} name no such rows`);
    if (!isRows(nodeRank, counts.nodes) || new Set(nodeRank).size !== counts.nodes) {
      return broken(`nodeRank of seed ${shown(seed)} is no order of the ${counts.nodes} nodes`);
    }
    seeds.push({ seed, pods, nodeRank });
  }
  return seeds.length === 0 ? broken("it holds no seed") : ok(seeds);
}

const isRows = (value: unknown, count: number): value is readonly number[] =>
  Array.isArray(value) && value.every((row) => Number.isInteger(row) && row >= 0 && row < count);

const broken = (why: string) =>
  refuse(
    "INVALID_REQUEST",
    `The openb arrivals are broken: ${why}.`,
    "Give the arrivals of the same workload and the same nodes.",
  );
