// Can the pool ever serve this job? Asked once, when it is submitted: all nodes count as idle and
// available. Refuses only what is proven impossible; if the proof takes too long, the job may wait.
import { type JobSpec, type Outcome, ok, refuse } from "../pool/index.ts";
import { BOUNDS } from "./bounds.ts";
import { type Demand, makeDemand } from "./demand.ts";
import type { Checker, Need } from "./feasible/checker.ts";
import { firstObjection, LASTING_CHECKERS } from "./feasible/checkers.ts";
import { trainsIn } from "./feasible/program.ts";
import { leastSpec } from "./gang/elastic.ts";
import { fitSite, roomFor } from "./gang/fit.ts";
import { ReasonCount } from "./reasons.ts";
import type { NodeView } from "./types.ts";
import { buildWorld, type World } from "./world.ts";

/**
 * Accepts, or refuses with IMPOSSIBLE_REQUEST: how many nodes fail for which reason, and what
 * comes closest. `nodes` are all known ones, whatever their state. An empty pool accepts: its
 * members are still to join.
 */
export function feasibleEver(spec: JobSpec, nodes: readonly NodeView[]): Outcome<void> {
  if (nodes.length === 0) return ok(undefined);
  for (const group of spec.groups) {
    const need = {
      resources: group.resources,
      constraints: spec.constraints,
      trains: trainsIn(spec, group),
    };
    const refusal = refuseGroup(group.name, need, nodes);
    if (refusal !== undefined) return refusal;
  }
  // A node that every lasting checker accepts has room for one task when it is idle.
  if (spec.groups.length === 1 && spec.groups[0]!.count === 1) return ok(undefined);
  return feasibleGang(leastSpec(spec), nodes);
}

function refuseGroup(name: string, need: Need, nodes: readonly NodeView[]) {
  const reasons = new ReasonCount();
  const failed = new Map<Checker, NodeView[]>();
  for (const view of nodes) {
    const answer = firstObjection(LASTING_CHECKERS, need, view);
    if (answer === undefined) return undefined;
    reasons.add(answer.objection);
    const others = failed.get(answer.checker);
    if (others === undefined) failed.set(answer.checker, [view]);
    else others.push(view);
  }
  const told = reasons.list().slice(0, REASONS_TOLD_MAX);
  const because = told.map(({ text, nodes: count }) => `${text} (${countNodes(count)})`).join("; ");
  // The nodes that passed most checkers are the closest: only one thing is in the way there.
  const last = LASTING_CHECKERS.findLast((checker) => failed.has(checker))!;
  return refuse(
    "IMPOSSIBLE_REQUEST",
    `No node of the pool could ever run a task of group ${name}: ${because}.`,
    `${last.closest(need, failed.get(last)!)} Ask for less, or wait until such a node has joined.`,
    `groups.${name}`,
  );
}

function feasibleGang(spec: JobSpec, nodes: readonly NodeView[]): Outcome<void> {
  const demand = makeDemand(spec, idleWorld(nodes), "ever");
  for (const candidates of demand.candidates) {
    const answer = fitSite(demand, candidates, (node) => node.room, BOUNDS.GANG_STEPS_EVER_MAX);
    if (answer.fit !== undefined || answer.gaveUp) return ok(undefined);
  }
  return refuse(
    "IMPOSSIBLE_REQUEST",
    `No site of the pool could ever run all ${demand.tasks} tasks of the job at one time.`,
    `${closestSite(demand)} Ask for fewer or smaller tasks.`,
    "groups",
  );
}

/** A list of nodes never changes, so one that is asked about again is made ready once. */
const idleWorlds = new WeakMap<readonly NodeView[], World>();

/** The nodes as if nothing ran there. */
function idleWorld(nodes: readonly NodeView[]): World {
  const known = idleWorlds.get(nodes);
  if (known !== undefined) return known;
  const idle = nodes.map(({ leftMilli: _, ...view }) => ({
    ...view,
    freeAcceleratorIds: view.node.accelerators.map(({ id }) => id),
    freeMilliCpu: view.node.milliCpu,
    freeMemoryMiB: view.node.memoryMiB,
  }));
  const world = buildWorld(0, idle, []);
  idleWorlds.set(nodes, world);
  return world;
}

function closestSite({ candidates, portions }: Demand): string {
  if (candidates.length === 0) return "No single site has nodes for every group.";
  const most = portions.map((portion) => ({
    tasks: portion.tasks,
    room: Math.max(...candidates.map(({ nodes }) => roomFor(portion, nodes, (node) => node.room))),
  }));
  const short = most.find(({ tasks, room }) => room < tasks);
  return short === undefined
    ? "Each group would fit on some site alone."
    : `The largest site has room for ${short.room} of ${short.tasks} equal tasks.`;
}

const countNodes = (count: number): string => (count === 1 ? "1 node" : `${count} nodes`);

/** Different reasons that one message tells; more are not read. */
const REASONS_TOLD_MAX = 5;
