// Reads a cluster file (YAML or JSON, or openb's list of nodes) into the cluster that is simulated.
import { ClusterFile, type ClusterFileNodes, parseYaml } from "@tequio/contract";
import { type Accelerator, type Node, type Outcome, ok, refuse } from "@tequio/core/pool";
import type { NodeShape } from "@tequio/core/scheduler";
import {
  acceleratorAt,
  type Cluster,
  type ClusterMember,
  findModel,
  parseOpenbNodes,
} from "@tequio/core/simulator";
import { inFile, readText } from "./files.ts";

/** Reads the file at a path. A model that the catalogue does not know is refused. */
export function readCluster(path: string): Outcome<Cluster> {
  const text = readText(path, "a cluster file");
  if (!text.ok) return text;
  if (isOpenbNodes(text.value)) {
    const shapes = parseOpenbNodes(text.value);
    return shapes.ok ? ok(clusterOfShapes(shapes.value)) : inFile(path, shapes);
  }
  const file = parseYaml(ClusterFile, text.value);
  return inFile(path, file.ok ? clusterOf(file.value) : file);
}

/** True for openb's list of nodes. */
export const isOpenbNodes = (text: string): boolean => /^\uFEFF?sn,cpu_milli,/.test(text);

function clusterOf({ members: listed }: ClusterFile): Outcome<Cluster> {
  const members: ClusterMember[] = [];
  const prices = new Map<string, number>();
  for (const [at, { name, nodes, sites }] of listed.entries()) {
    if (members.some((other) => other.name === name)) {
      return refuse(
        "INVALID_REQUEST",
        `Two members are called ${name}.`,
        "Give every member one entry, with all its sites.",
        `members[${at}].name`,
      );
    }
    const made = [];
    for (const [place, site] of (sites ?? [{ name, nodes: nodes ?? [] }]).entries()) {
      const where = sites === undefined ? `members[${at}]` : `members[${at}].sites[${place}]`;
      const all = nodesOf(site.nodes, where, prices);
      if (!all.ok) return all;
      made.push({ name: site.name, nodes: all.value });
    }
    members.push({ name, sites: made });
  }
  return ok(prices.size === 0 ? { members } : { members, prices });
}

function nodesOf(
  lines: readonly ClusterFileNodes[],
  where: string,
  prices: Map<string, number>,
): Outcome<readonly Node[]> {
  const nodes: Node[] = [];
  for (const [at, line] of lines.entries()) {
    const what = deviceOf(line, `${where}.nodes[${at}].model`);
    if (!what.ok) return what;
    const { accelerators: count, price, cores, memory, labels } = line;
    if (price !== undefined && count > 0) prices.set(what.value.model, price);
    const accelerators = Array.from({ length: count }, (_, each) =>
      acceleratorAt(each, what.value),
    );
    for (let each = 0; each < line.count; each += 1) {
      nodes.push({
        ...{ name: `n${nodes.length + 1}`, os: "linux", arch: "x64", accelerators, labels },
        ...{ milliCpu: Math.round(cores * 1_000), memoryMiB: memory },
      });
    }
  }
  return ok(nodes);
}

function deviceOf(
  { model = "any", unlisted, acceleratorMemory }: ClusterFileNodes,
  at: string,
): Outcome<Omit<Accelerator, "id" | "kind">> {
  const memory = acceleratorMemory;
  if (unlisted || model === "any") return ok({ vendor: "any", model, memoryMiB: memory ?? 0 });
  const found = findModel(model);
  if (found.ok) return ok({ ...found.value, memoryMiB: memory ?? found.value.memoryMiB });
  return refuse(
    "INVALID_REQUEST",
    `The catalogue has no accelerator \`${model}\`.`,
    `Did you mean ${found.near.join(", or ")}? For one that is not listed say \`unlisted: true\`.`,
    at,
  );
}

/** Nodes of an openb list as one member. Its models are anonymous, so none is looked up. */
export function clusterOfShapes(shapes: readonly NodeShape[]): Cluster {
  const nodes = shapes.map(
    ({ model, accelerators, milliCpu, memoryMiB }, at): Node => ({
      ...{ name: `n${at + 1}`, os: "linux", arch: "x64", milliCpu, memoryMiB, labels: {} },
      accelerators: Array.from({ length: accelerators }, (_, each) =>
        acceleratorAt(each, { vendor: "any", model, memoryMiB: 0 }),
      ),
    }),
  );
  return { members: [{ name: "openb", sites: [{ name: "openb", nodes }] }] };
}
