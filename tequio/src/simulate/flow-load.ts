// From a trace, a pool's journal or a specification to jobs and machines: what is read, and which
// cluster stands where none was given.
import { type Node, type Outcome, ok, refuse } from "@tequio/core/pool";
import {
  type Cluster,
  clusterSlots,
  generateWorkload,
  memberSlots,
  nodeSlots,
  nodesOf,
  onlyFitting,
  ownerNames,
  ownerNeeds,
  ownersCluster,
  type PerNode,
  parseGenerate,
  parsePhilly,
  parseSwf,
  phillyWorkload,
  processorsCluster,
  type SwfOwner,
  type SwfTrace,
  swfWorkload,
  type Unit,
  type Workload,
} from "@tequio/core/simulator";
import { readCluster } from "./cluster-file.ts";
import { inFile } from "./files.ts";
import { loadJournal } from "./journal.ts";
import type { Ports, SimulateRequest, TraceFormat } from "./request.ts";

export interface FlowLoad {
  readonly title: string;
  readonly workload: Workload;
  readonly cluster: Cluster;
  /** Where the cluster is from, in words. */
  readonly clusterSaid: string;
  /** What was left out, in words. */
  readonly notes: readonly string[];
}

/** Processors of one node where a log does not say: common when most logs were written. */
const NODE_PROCESSORS = 16;

/** Reads everything that jobs which come and go need. */
export async function loadFlow(
  request: SimulateRequest,
  format: TraceFormat | "generate",
  from: { readonly text: string; readonly openStore: Ports["openStore"] },
): Promise<Outcome<FlowLoad>> {
  const given = request.cluster === undefined ? ok(undefined) : readCluster(request.cluster);
  if (!given.ok) return given;
  const cluster = given.value;
  const load = await loadBy(request, format, { ...from, cluster });
  if (!load.ok) return load;
  return cluster === undefined
    ? load
    : ok({ ...load.value, cluster, clusterSaid: `from ${request.clusterSaid ?? request.cluster}` });
}

interface Given {
  readonly text: string;
  readonly openStore: Ports["openStore"];
  readonly cluster: Cluster | undefined;
}

async function loadBy(
  request: SimulateRequest,
  format: TraceFormat | "generate",
  given: Given,
): Promise<Outcome<FlowLoad>> {
  switch (format) {
    case "philly":
      return loadPhilly(request, given);
    case "swf":
      return loadSwf(request, given);
    case "journal":
      return loadJournal(request, given.cluster, given.openStore);
    case "generate":
      return loadGenerated(request, given.cluster);
    default:
      return refuse(
        "USAGE",
        `A ${format} trace is not simulated this way.`,
        "Say which trace it is with --format.",
      );
  }
}

function loadPhilly(request: SimulateRequest, { text, cluster }: Given): Outcome<FlowLoad> {
  const trace = inFile(request.trace ?? "", parsePhilly(text));
  if (!trace.ok) return trace;
  const { owners } = trace.value;
  const needs = ownerNeeds(trace.value).map(({ capacity }) => capacity);
  const own = cluster ?? ownersCluster(owners, needs);
  return ok({
    title: `Philly trace ${request.traceSaid}`,
    workload: phillyWorkload(trace.value, perNodeOf(own, "accelerators")),
    cluster: own,
    clusterSaid: "made up: each owner has 1.25 times its mean demand, in nodes of 8",
    notes: [],
  });
}

function loadSwf(request: SimulateRequest, { text, cluster }: Given): Outcome<FlowLoad> {
  const trace = inFile(request.trace ?? "", parseSwf(text));
  if (!trace.ok) return trace;
  const { maxProcs, maxNodes, neverRan, jobs } = trace.value;
  const machine = cluster ?? machineOf(trace.value);
  const unit: Unit = clusterSlots(machine, "accelerators") > 0 ? "accelerators" : "cores";
  const perNode = perNodeOf(machine, unit);
  const owner = request.owner === "auto" ? ownerBy(jobs) : request.owner;
  const said = maxProcs === undefined ? "as wide as its widest job" : `MaxProcs ${maxProcs}`;
  return ok({
    title: `SWF log ${request.traceSaid}`,
    workload: swfWorkload(trace.value, { unit, perNode, owner }),
    cluster: machine,
    clusterSaid: `from the log: ${said}${maxNodes === undefined ? "" : `, MaxNodes ${maxNodes}`}`,
    notes: [
      `one processor of the log is one of the ${unit}; an owner is a ${owner}`,
      ...(neverRan === 0 ? [] : [`${neverRan} jobs of the log never ran and are left out`]),
    ],
  });
}

function machineOf({ maxProcs, maxNodes, jobs }: SwfTrace): Cluster {
  const widest = jobs.reduce((max, { processors }) => Math.max(max, processors), 1);
  const processors = maxProcs ?? widest;
  const perNode =
    maxNodes === undefined || maxNodes > processors
      ? Math.min(NODE_PROCESSORS, processors)
      : Math.ceil(processors / maxNodes);
  return processorsCluster("machine", processors, perNode);
}

/** Groups if the log tells some apart, else users. */
const ownerBy = (jobs: SwfTrace["jobs"]): SwfOwner =>
  new Set(jobs.map(({ group }) => group)).size > 1 ? "group" : "user";

function loadGenerated(request: SimulateRequest, cluster: Cluster | undefined): Outcome<FlowLoad> {
  const spec = parseGenerate(request.generate ?? "");
  if (!spec.ok) return spec;
  const own = cluster ?? madeUp(spec.value.owners, spec.value.slots);
  const unit: Unit = clusterSlots(own, "accelerators") > 0 ? "accelerators" : "cores";
  const owners = own.members.filter((one) => memberSlots(one, unit) > 0).map(({ name }) => name);
  if (owners.length === 0) {
    return refuse("INVALID_REQUEST", "The cluster has no nodes.", "Add nodes to a member.");
  }
  return ok({
    title: "Generated workload",
    workload: generateWorkload(spec.value, {
      ...{ seed: request.seed, owners, unit, slots: clusterSlots(own, unit) },
      widest: Math.max(...sitesOf(own, unit)),
      perNode: perNodeOf(own, unit),
    }),
    cluster: own,
    clusterSaid: "made up: equal owners, in nodes of 8",
    notes: [],
  });
}

function madeUp(owners: number, slots: number): Cluster {
  const each = Math.max(1, Math.floor(slots / owners));
  return ownersCluster(
    ownerNames(owners),
    Array.from({ length: owners }, () => each),
  );
}

const sitesOf = ({ members }: Cluster, unit: Unit): readonly number[] =>
  members.flatMap(({ sites }) =>
    sites.map(({ nodes }) => nodes.reduce((sum, node) => sum + nodeSlots(node, unit), 0)),
  );

/** People cut their jobs for the nodes that they have; those without any, for the usual ones. */
function perNodeOf(cluster: Cluster, unit: Unit): PerNode {
  const usual = usualNode(nodesOf(cluster), unit) ?? 1;
  const own = new Map(
    cluster.members.map(({ name, sites }) => [
      name,
      usualNode(
        sites.flatMap(({ nodes }) => nodes),
        unit,
      ),
    ]),
  );
  return (owner) => own.get(owner) ?? usual;
}

/** The size of node on which most slots are. */
function usualNode(nodes: readonly Node[], unit: Unit): number | undefined {
  const sums = new Map<number, number>();
  for (const node of nodes) {
    const slots = nodeSlots(node, unit);
    if (slots > 0) sums.set(slots, (sums.get(slots) ?? 0) + slots);
  }
  return [...sums].sort(([a, x], [b, y]) => y - x || b - a)[0]?.[0];
}

/** Refuses, or leaves out by a flag, what the cluster can never hold. */
export function fitting(
  load: FlowLoad,
  fits: Parameters<typeof onlyFitting>[1],
  leaveOut: boolean,
): Outcome<FlowLoad> {
  const slots = clusterSlots(load.cluster, load.workload.unit);
  const outcome = onlyFitting(load.workload, fits, { leaveOut, slots });
  if (!outcome.ok) return outcome;
  const { workload, skipped } = outcome.value;
  const note = skipped === 1 ? "1 job that is" : `${skipped} jobs that are`;
  const notes = skipped === 0 ? [] : [`${note} larger than the cluster left out`];
  return ok({ ...load, workload, notes: [...load.notes, ...notes] });
}
