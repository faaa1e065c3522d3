// Search for a gang whose tasks ask for different things. Depth first, hardest task first, at most
// a number of steps (a step is one look at one node); within that bound it is exact. Devices on a
// node are dealt out by augmenting paths (Kuhn's matching), so an earlier task steps aside for a
// pickier one.
import type { Demand, Portion, SiteCandidates } from "../demand.ts";
import { addRanks, compareRanks, type Rank, rankNode } from "../rank/rank.ts";
import type { NodeState, Room } from "../world.ts";
import type { FitAnswer, RoomOf, TaskPlace } from "./fit.ts";

/** One node while tasks are tried on it. */
interface Bench {
  readonly node: NodeState;
  readonly room: Room;
  milliCpu: number;
  memoryMiB: number;
  tasks: number;
  /** Task that holds each device, or -1. */
  owner: Int32Array;
  /** Benches with the same key are the same while no task is on them. */
  readonly key: string;
}

interface Search {
  readonly demand: Demand;
  readonly benches: readonly Bench[];
  /** Per portion: the benches that could serve it, best fit first. */
  readonly ranked: readonly (readonly Bench[])[];
  /** Task numbers, hardest first. */
  readonly order: readonly number[];
  /** Bench of each task. */
  readonly benchOf: (Bench | undefined)[];
  /** Per portion: benches that were tried in vain at this point. Tasks of one portion are
   * interchangeable, so what failed for one cannot help as the place of a later one. */
  readonly barred: readonly Map<Bench, number>[];
  stepsLeft: number;
}

/** Fits all tasks into one site, or says that there is no way, or that it gave up. */
export function searchGang(
  demand: Demand,
  candidates: SiteCandidates,
  roomOf: RoomOf,
  stepsMax: number,
): FitAnswer {
  const benches = candidates.nodes.map((node) => newBench(node, roomOf(node)));
  const search: Search = {
    demand,
    benches,
    ranked: demand.portions.map((portion) => rankBenches(portion, benches)),
    order: hardestFirst(demand, candidates),
    benchOf: [],
    barred: demand.portions.map(() => new Map()),
    stepsLeft: stepsMax,
  };
  if (!placeFrom(search, 0)) return { fit: undefined, gaveUp: search.stepsLeft <= 0 };
  const places = demand.portionOfTask.map((portion, task): TaskPlace => {
    const { resources } = demand.portions[portion]!.need;
    const bench = search.benchOf[task]!;
    const devices: number[] = [];
    bench.owner.forEach((owner, device) => {
      if (owner === task) devices.push(device);
    });
    return { node: bench.node, devices, resources };
  });
  const used = search.benches.filter((bench) => bench.tasks > 0);
  const rank = used.map((bench) => rankBench(search, bench)).reduce(addRanks);
  return { fit: { site: candidates.site, places, nodesUsed: used.length, rank } };
}

const newBench = (node: NodeState, room: Room): Bench => ({
  node,
  room,
  milliCpu: room.milliCpu,
  memoryMiB: room.memoryMiB,
  tasks: 0,
  owner: new Int32Array(room.devices.length).fill(-1),
  key: `${node.classIndex} ${room.milliCpu} ${room.memoryMiB} ${room.devices.join("")}`,
});

function rankBenches(portion: Portion, benches: readonly Bench[]): readonly Bench[] {
  return benches
    .filter(({ node }) => portion.matching[node.classIndex] !== undefined)
    .map((bench) => ({ bench, rank: rankNode(portion, 1, bench.node, bench.room) }))
    .sort((a, b) => compareRanks(a.rank, b.rank))
    .map(({ bench }) => bench);
}

/** Tasks with the fewest nodes first, then the largest; then in the order of the job. */
function hardestFirst(demand: Demand, { nodes }: SiteCandidates): readonly number[] {
  const choices = demand.portions.map(
    ({ matching }) => nodes.filter((node) => matching[node.classIndex] !== undefined).length,
  );
  return demand.portionOfTask
    .map((portion, task) => ({ portion, task, need: demand.portions[portion]!.need.resources }))
    .sort(
      (a, b) =>
        choices[a.portion]! - choices[b.portion]! ||
        b.need.accelerators - a.need.accelerators ||
        b.need.milliCpu - a.need.milliCpu ||
        b.need.memoryMiB - a.need.memoryMiB ||
        a.portion - b.portion ||
        a.task - b.task,
    )
    .map(({ task }) => task);
}

/** Places the tasks from position `at` of the order; leaves no trace if it fails. */
function placeFrom(search: Search, at: number): boolean {
  const task = search.order[at];
  if (task === undefined) return true;
  const portionIndex = search.demand.portionOfTask[task]!;
  const portion = search.demand.portions[portionIndex]!;
  const barred = search.barred[portionIndex]!;
  const barredHere: Bench[] = [];
  const failedKeys = new Set<string>();
  let found = false;
  for (const bench of choices(search, portionIndex)) {
    if (search.stepsLeft <= 0) break;
    const fresh = bench.tasks === 0;
    if (fresh && failedKeys.has(bench.key)) continue;
    const before = bench.owner;
    if (addTask(search, bench, task, portion)) {
      search.benchOf[task] = bench;
      found = placeFrom(search, at + 1);
      if (found) break;
      removeTask(bench, portion, before);
    }
    if (fresh) failedKeys.add(bench.key);
    barred.set(bench, (barred.get(bench) ?? 0) + 1);
    barredHere.push(bench);
  }
  for (const bench of barredHere) barred.set(bench, barred.get(bench)! - 1);
  return found;
}

/** Benches for one task: those in use first, to keep the gang together; then by best fit. */
function choices(search: Search, portionIndex: number): readonly Bench[] {
  const { milliCpu, memoryMiB } = search.demand.portions[portionIndex]!.need.resources;
  const barred = search.barred[portionIndex]!;
  const inUse: Bench[] = [];
  const fresh: Bench[] = [];
  for (const bench of search.ranked[portionIndex]!) {
    if (bench.milliCpu < milliCpu || bench.memoryMiB < memoryMiB) continue;
    if ((barred.get(bench) ?? 0) > 0) continue;
    (bench.tasks > 0 ? inUse : fresh).push(bench);
  }
  search.stepsLeft -= search.ranked[portionIndex]!.length;
  return inUse.concat(fresh);
}

function addTask(search: Search, bench: Bench, task: number, portion: Portion): boolean {
  const before = bench.owner;
  bench.owner = before.slice();
  for (let n = 0; n < portion.need.resources.accelerators; n += 1) {
    if (!augment(search, bench, task, new Uint8Array(bench.owner.length))) {
      bench.owner = before;
      return false;
    }
  }
  bench.milliCpu -= portion.need.resources.milliCpu;
  bench.memoryMiB -= portion.need.resources.memoryMiB;
  bench.tasks += 1;
  return true;
}

function removeTask(bench: Bench, portion: Portion, owner: Int32Array): void {
  bench.owner = owner;
  bench.milliCpu += portion.need.resources.milliCpu;
  bench.memoryMiB += portion.need.resources.memoryMiB;
  bench.tasks -= 1;
}

/** Gives the task one more device, moving others where that helps. */
function augment(search: Search, bench: Bench, task: number, seen: Uint8Array): boolean {
  const portion = search.demand.portions[search.demand.portionOfTask[task]!]!;
  for (const device of portion.matching[bench.node.classIndex] ?? []) {
    const owner = bench.owner[device]!;
    if (seen[device] === 1 || bench.room.devices[device] !== 1 || owner === task) continue;
    seen[device] = 1;
    if (owner === -1 || augment(search, bench, owner, seen)) {
      bench.owner[device] = task;
      return true;
    }
  }
  return false;
}

function rankBench(search: Search, bench: Bench): Rank {
  const held = bench.owner.reduce((sum, owner) => sum + (owner === -1 ? 0 : 1), 0);
  const hasGpu = bench.node.view.node.accelerators.some(({ kind }) => kind === "gpu");
  return {
    wastesGpu: hasGpu && search.demand.portions.every(({ sparesGpus }) => sparesGpus) ? 1 : 0,
    // Unlike tasks on one node have no common outlook.
    price: 0,
    taste: 0,
    waste: 0,
    acceleratorsLeft: bench.room.freeDevices - held,
    surplusMiB: 0,
    memoryLeftMiB: bench.memoryMiB,
    milliCpuLeft: bench.milliCpu,
  };
}
