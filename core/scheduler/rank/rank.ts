// Which of several fitting nodes is best: the one that costs those least who can go nowhere else
// (scarcity.ts); then the one that the job itself likes best (taste/); then the one with the fewest
// accelerators left, so that large pieces stay whole for large jobs; among those the one that loses
// least of its worth to the work that usually comes, e.g. keeps cores beside its accelerators
// (worth.ts). Nodes with GPUs are kept for those who need GPUs. With whole accelerators this order
// turned out best: worth before what is left breaks up whole nodes (multigpu30 of openb, whole
// GPUs: 88.8 instead of 99.8 %).
import type { Portion } from "../demand.ts";
import { partsOpen } from "../parts/parts.ts";
import type { NodeState, Room } from "../world.ts";

/** Smaller is better; compared from the first figure to the last. */
export interface Rank {
  /** 1 where a GPU node would serve a job that uses no GPU. */
  readonly wastesGpu: number;
  /** Points that others pay who can go nowhere else. */
  readonly price: number;
  /** Points of what the job itself would rather have (taste/). */
  readonly taste: number;
  /** Whole accelerators that would be broken up for parts; absent: none. */
  readonly opened?: number;
  readonly acceleratorsLeft: number;
  /** Points of worth that the node loses beyond what is used. */
  readonly waste: number;
  /** Memory of the accelerators used that nobody asked for. */
  readonly surplusMiB: number;
  readonly memoryLeftMiB: number;
  readonly milliCpuLeft: number;
}

/** Rank of a node for `tasks` tasks that are known to fit. */
export function rankNode(portion: Portion, tasks: number, node: NodeState, room: Room): Rank {
  const { accelerators, acceleratorMemoryMiB, milliCpu, memoryMiB } = portion.need.resources;
  const have = node.view.node.accelerators;
  const devices = portion.matching[node.classIndex];
  const smallest = devices?.[0];
  const surplus =
    smallest === undefined ? 0 : have[smallest]!.memoryMiB - (acceleratorMemoryMiB ?? 0);
  const { outlook } = portion;
  const { hardware } = node;
  const { partMilli } = portion.need.resources;
  const isPart = partMilli !== undefined && devices !== undefined;
  const opened = isPart ? partsOpen(partMilli, tasks, devices, room) : 0;
  const used = isPart ? opened : tasks * accelerators;
  return {
    wastesGpu: portion.sparesGpus && have.some(({ kind }) => kind === "gpu") ? 1 : 0,
    price: outlook?.price(hardware, tasks) ?? 0,
    taste: portion.taste === undefined ? 0 : tasks * portion.taste(node),
    waste: outlook?.waste(hardware, room.freeDevices, room.milliCpu, tasks) ?? 0,
    opened,
    acceleratorsLeft: room.freeDevices - used,
    surplusMiB: used * surplus,
    memoryLeftMiB: room.memoryMiB - tasks * memoryMiB,
    milliCpuLeft: room.milliCpu - tasks * milliCpu,
  };
}

/** Negative if `a` is better; 0 leaves the choice to the order of names. */
export function compareRanks(a: Rank, b: Rank): number {
  return (
    a.wastesGpu - b.wastesGpu ||
    a.price - b.price ||
    a.taste - b.taste ||
    (a.opened ?? 0) - (b.opened ?? 0) ||
    a.acceleratorsLeft - b.acceleratorsLeft ||
    a.waste - b.waste ||
    a.surplusMiB - b.surplusMiB ||
    a.memoryLeftMiB - b.memoryLeftMiB ||
    a.milliCpuLeft - b.milliCpuLeft
  );
}

/** Rank of a gang: the sum over its nodes. */
export function addRanks(a: Rank, b: Rank): Rank {
  return {
    wastesGpu: a.wastesGpu + b.wastesGpu,
    price: a.price + b.price,
    taste: a.taste + b.taste,
    waste: a.waste + b.waste,
    opened: (a.opened ?? 0) + (b.opened ?? 0),
    acceleratorsLeft: a.acceleratorsLeft + b.acceleratorsLeft,
    surplusMiB: a.surplusMiB + b.surplusMiB,
    memoryLeftMiB: a.memoryLeftMiB + b.memoryLeftMiB,
    milliCpuLeft: a.milliCpuLeft + b.milliCpuLeft,
  };
}
