// openb's traces: a list of pods, the nodes, an order of arrival drawn from the seed or read from
// a file, and the report.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import { type NodeShape, PLACEMENT_POLICIES, type PlacementPolicy } from "@tequio/core/scheduler";
import {
  drawArrivals,
  nodesOf,
  type OpenbArrivals,
  parseOpenbArrivals,
  parseOpenbNodes,
  parseOpenbPods,
  placementReport,
  type Report,
} from "@tequio/core/simulator";
import { isOpenbNodes, readCluster } from "./cluster-file.ts";
import { inFile, readText } from "./files.ts";
import { unknownPolicy } from "./flow.ts";
import type { OnProgress, SimulateRequest } from "./request.ts";

const POLICIES_DEFAULT: readonly PlacementPolicy[] = ["saturation", "fgd", "best-fit"];
/** What the trace's own list of nodes is called, beside the list of pods. */
const NODES = "openb_node_list_gpu_node.csv";

/** Reads, plays and reports. */
export function simulatePlacement(
  request: SimulateRequest,
  text: string,
  onProgress: OnProgress,
): Outcome<Report> {
  if (request.without.length + request.pools.length > 0) {
    return refuse("USAGE", "Pods of an openb trace have no owners.", "Ask with --scale instead.");
  }
  const policies = policiesOf(request.policies);
  if (!policies.ok) return policies;
  const pods = inFile(request.trace ?? "", parseOpenbPods(text));
  if (!pods.ok) return pods;
  const nodes = shapesOf(request);
  if (!nodes.ok) return nodes;
  const arrivals = arrivalsOf(request, nodes.value, pods.value);
  if (!arrivals.ok) return arrivals;
  const scaled = request.scales.map((factor) => {
    const kept = nodes.value.filter(
      (_, at) => Math.floor((at + 1) * factor + 1e-9) > Math.floor(at * factor + 1e-9),
    );
    const name = `${Math.round(factor * 1_000) / 10} % of the nodes`;
    return { name, nodes: kept, arrivals: [drawArrivals(kept, pods.value, request.seed)] };
  });
  const accelerators = nodes.value.reduce((sum, node) => sum + node.accelerators, 0);
  const seeds = arrivals.value.map(({ seed }) => seed).join(", ");
  const drawn = request.arrivals === undefined ? "drawn by chance" : `from ${request.arrivals}`;
  return ok(
    placementReport({
      ...{ title: `openb trace ${request.traceSaid}`, pods: pods.value, onProgress },
      scenarios: [{ name: "as it is", nodes: nodes.value, arrivals: arrivals.value }, ...scaled],
      policies: policies.value,
      facts: [
        ["requests", `${pods.value.length} pods, one after another; none leaves`],
        ["cluster", `${accelerators} accelerators on ${nodes.value.length} nodes`],
        ["arrivals", `${drawn}, seed ${seeds}`],
        ["command", request.command],
      ],
    }),
  );
}

function policiesOf(asked: readonly string[]): Outcome<readonly PlacementPolicy[]> {
  if (asked.length === 0) return ok(POLICIES_DEFAULT);
  if (asked.includes("all")) return ok(PLACEMENT_POLICIES);
  const known: PlacementPolicy[] = [];
  for (const name of asked) {
    // The production scheduler places by this policy.
    const policy = PLACEMENT_POLICIES.find(
      (one) => one === (name === "pool" ? "saturation" : name),
    );
    if (policy === undefined) return unknownPolicy(name, PLACEMENT_POLICIES);
    known.push(policy);
  }
  return ok(known);
}

function shapesOf({ trace = "", cluster }: SimulateRequest): Outcome<readonly NodeShape[]> {
  const beside = join(dirname(trace), NODES);
  const path = cluster ?? beside;
  if (cluster === undefined && !existsSync(beside)) {
    return refuse(
      "NOT_FOUND",
      `There is no ${NODES} beside the trace.`,
      "Name the nodes with --cluster FILE: openb's own list, or a cluster file.",
    );
  }
  const text = readText(path, "a list of nodes");
  if (!text.ok) return text;
  if (isOpenbNodes(text.value)) return inFile(path, parseOpenbNodes(text.value));
  const read = readCluster(path);
  if (!read.ok) return read;
  return ok(
    nodesOf(read.value).map(({ accelerators, milliCpu, memoryMiB }) => ({
      model: accelerators[0]?.model ?? "",
      ...{ accelerators: accelerators.length, milliCpu, memoryMiB },
    })),
  );
}

function arrivalsOf(
  request: SimulateRequest,
  nodes: readonly NodeShape[],
  pods: Parameters<typeof drawArrivals>[1],
): Outcome<readonly OpenbArrivals[]> {
  if (request.arrivals === undefined) return ok([drawArrivals(nodes, pods, request.seed)]);
  const text = readText(request.arrivals, "orders of arrival");
  if (!text.ok) return text;
  const counts = { nodes: nodes.length, pods: pods.length };
  return inFile(request.arrivals, parseOpenbArrivals(text.value, counts));
}
