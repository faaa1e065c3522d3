// What a job asks for, worked out once for all jobs that ask the same: which classes of nodes
// could serve which of its groups, and which nodes of which sites that makes.
import type { JobSpec } from "../pool/index.ts";
import type { Need } from "./feasible/checker.ts";
import {
  firstObjection,
  HARDWARE_CHECKERS,
  PLACE_CHECKERS,
  STATE_CHECKERS,
} from "./feasible/checkers.ts";
import { matches } from "./feasible/matching.ts";
import { trainsIn } from "./feasible/program.ts";
import type { PortionOutlook } from "./rank/outlook.ts";
import { type Objection, ReasonCount } from "./reasons.ts";
import type { NodeView } from "./types.ts";
import type { NodeState, SiteState, World } from "./world.ts";

/** Tasks that ask the same, whatever groups they belong to. */
export interface Portion {
  readonly need: Need;
  readonly tasks: number;
  /** Per class of nodes: the devices that match, smallest memory first; undefined: unfit. */
  readonly matching: readonly (readonly number[] | undefined)[];
  /** True if the tasks use no GPU, so nodes with GPUs are the last choice. */
  readonly sparesGpus: boolean;
  /** What is known of the future; absent: nodes are ranked by best fit alone. */
  readonly outlook?: PortionOutlook;
  /** Points of a node for one task of this job (taste/); absent: no node is dearer to it. */
  readonly taste?: (node: NodeState) => number;
}

export interface SiteCandidates {
  readonly site: SiteState;
  /** Nodes that could serve at least one portion. */
  readonly nodes: readonly NodeState[];
}

export interface Demand {
  readonly portions: readonly Portion[];
  /** Portion of each task, in the order of the job's groups. */
  readonly portionOfTask: readonly number[];
  readonly tasks: number;
  /** Sites on which every portion finds at least one node. */
  readonly candidates: readonly SiteCandidates[];
  /** Objections of the nodes that can serve none of the portions. */
  readonly objections: ReasonCount;
}

/** Everything that decides where a job can go; jobs with the same key get the same answers. */
export function demandKey(spec: JobSpec): string {
  const groups = spec.groups.map((group) => {
    const { count, countMin, resources } = group;
    const asked = [count, resourceKey(resources), trainsIn(spec, group)];
    // Where the least is not the most, it is part of what is asked.
    return countMin === undefined ? asked : [...asked, countMin];
  });
  const { members, excludeMembers, labels } = spec.constraints;
  return JSON.stringify([groups, members, excludeMembers, labels]);
}

/** `ever` leaves out whether nodes take work at the moment. */
export type When = "now" | "ever";

/** Asks every class of nodes about every portion. */
export function makeDemand(spec: JobSpec, world: World, when: When = "now"): Demand {
  const objections = new ReasonCount();
  const { needs, portionOfTask } = needsOf(spec);
  const answers = needs.map(({ need }) => askClasses(need, world, when));
  const portions = needs.map(
    ({ need, tasks }, index): Portion => ({
      need,
      tasks,
      matching: answers[index]!.map(({ matching }) => matching),
      sparesGpus: need.resources.accelerators === 0 || need.resources.kind === "cpu",
      ...outlookOf(world, need, answers[index]!),
    }),
  );
  world.classes.forEach((nodeClass, classIndex) => {
    if (portions.some((portion) => portion.matching[classIndex] !== undefined)) return;
    const objection = answers[0]?.[classIndex]?.objection;
    if (objection !== undefined) objections.add(objection, nodeClass.nodes);
  });
  const serves = (portion: Portion) => (node: NodeState) =>
    portion.matching[node.classIndex] !== undefined;
  const candidates: SiteCandidates[] = [];
  for (const site of world.sites) {
    const nodes = site.nodes.filter((node) => portions.some((portion) => serves(portion)(node)));
    if (nodes.length > 0 && portions.every((portion) => nodes.some(serves(portion)))) {
      candidates.push({ site, nodes });
    }
  }
  return { portions, portionOfTask, tasks: portionOfTask.length, candidates, objections };
}

function outlookOf(world: World, { resources }: Need, answers: readonly Answer[]) {
  if (world.outlook === undefined) return {};
  const usable = new Set<number>();
  world.classes.forEach(({ hardware }, classIndex) => {
    if (answers[classIndex]!.matching !== undefined) usable.add(hardware);
  });
  return { outlook: world.outlook.of(resources, (hardware) => usable.has(hardware)) };
}

function needsOf(spec: JobSpec) {
  const indexOf = new Map<string, number>();
  const needs: { need: Need; tasks: number }[] = [];
  const portionOfTask: number[] = [];
  for (const group of spec.groups) {
    const { resources, count } = group;
    const trains = trainsIn(spec, group);
    const key = `${resourceKey(resources)} ${trains}`;
    let index = indexOf.get(key);
    if (index === undefined) {
      const need = { resources, constraints: spec.constraints, trains };
      index = needs.push({ need, tasks: 0 }) - 1;
      indexOf.set(key, index);
    }
    needs[index]!.tasks += count;
    for (let task = 0; task < count; task += 1) portionOfTask.push(index);
  }
  return { needs, portionOfTask };
}

/** Either an objection, or the devices that match. */
interface Answer {
  readonly objection?: Objection;
  readonly matching?: readonly number[];
}

function askClasses(need: Need, world: World, when: When): readonly Answer[] {
  const ofHardware: Answer[] = world.hardware.map((view) => {
    const objection = firstObjection(HARDWARE_CHECKERS, need, view)?.objection;
    return objection === undefined ? { matching: matchingDevices(need, view) } : { objection };
  });
  return world.classes.map(({ view, hardware }) => {
    const place = firstObjection(PLACE_CHECKERS, need, view)?.objection;
    if (place !== undefined) return { objection: place };
    const answer = ofHardware[hardware]!;
    if (when === "ever" || answer.objection !== undefined) return answer;
    const state = firstObjection(STATE_CHECKERS, need, view)?.objection;
    return state === undefined ? answer : { objection: state };
  });
}

function matchingDevices(need: Need, view: NodeView): readonly number[] {
  if (need.resources.accelerators === 0) return [];
  const { accelerators } = view.node;
  return accelerators
    .flatMap((have, index) => (matches(need.resources, have) ? [index] : []))
    .sort((a, b) => accelerators[a]!.memoryMiB - accelerators[b]!.memoryMiB || a - b);
}

/** What one task asks, as one text: equal requests have equal keys. */
export function resourceKey(resources: JobSpec["groups"][number]["resources"]): string {
  const { accelerators, kind, vendor, model, acceleratorMemoryMiB } = resources;
  const { milliCpu, memoryMiB, partMilli } = resources;
  const count = partMilli === undefined ? accelerators : `${partMilli}m`;
  const device = `${count} ${kind ?? ""} ${acceleratorMemoryMiB ?? 0}`;
  return `${device} ${milliCpu} ${memoryMiB} ${vendor ?? ""}/${model ?? ""}`;
}
