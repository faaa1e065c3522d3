// `npm run -s bench:ranking -- [--pods DIR] [--workload W,W] [--seeds 1,2] [--no-record]`:
// the pool's own scheduling pass on the nodes and pods of the openb trace, with whole accelerators,
// once by best fit alone and once with what it learns of the arrivals. Arrival orders are drawn
// here, by seed; pods that name several models keep the first; what does not start at once is lost.
// entry: package.json starts it as `bench:ranking`.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chanceOf, type JobSpec } from "@tequio/core/pool";
import { type NodeView, PlacementMemory, plan, type Start } from "@tequio/core/scheduler";
import { parseOpenbNodes, parseOpenbPods } from "@tequio/core/simulator";
import { fixed, printTable, readTrace, rounded } from "./lib/traces.ts";
import { record } from "./record.ts";

const TRACE = new URL("../../shared/data/traces/openb/csv/", import.meta.url).pathname;
/** Jobs of one pass. */
const BATCH = 10;
const GPU_MEMORY_MIB = 16_384;

const { values } = parseArgs({
  options: {
    pods: { type: "string", default: TRACE },
    workload: { type: "string", default: "default,cpu250,multigpu30,gpuspec20,gpuspec33" },
    seeds: { type: "string", default: "1,2" },
    "no-record": { type: "boolean", default: false },
  },
});

const idleNodes = (): NodeView[] =>
  readTrace(join(values.pods, "openb_node_list_gpu_node.csv"), parseOpenbNodes).map(
    ({ model, accelerators: count, milliCpu, memoryMiB }, index) => {
      const accelerators = Array.from({ length: count }, (_, at) => ({
        ...{ id: `g${at}`, kind: "gpu" as const, vendor: "NVIDIA" },
        ...{ model, memoryMiB: GPU_MEMORY_MIB },
      }));
      return {
        ...{ siteId: "s1", member: "openb", schedulable: true },
        node: {
          ...{ name: `n${index}`, os: "linux", arch: "x64", labels: {} },
          ...{ milliCpu, memoryMiB, accelerators },
        },
        freeAcceleratorIds: accelerators.map(({ id }) => id),
        ...{ freeMilliCpu: milliCpu, freeMemoryMiB: memoryMiB },
      };
    },
  );

type Pod = ReturnType<typeof podsOf>[number];
const podsOf = (workload: string) =>
  readTrace(join(values.pods, `openb_pod_list_${workload}.csv`), parseOpenbPods);

function jobOf({ accelerators, milliCpu, memoryMiB, models }: Pod): JobSpec {
  const model = accelerators > 0 ? models.split("|")[0] : "";
  const resources = { accelerators, milliCpu, memoryMiB, ...(model ? { model } : {}) };
  const groups = [{ name: "main", count: 1, command: ["true"], env: {}, resources }];
  return {
    ...{ name: "pod", project: "openb", user: "openb", priority: 0, preemptible: false },
    ...{ walltimeMs: 3_600_000, requeue: true, dependencies: [], groups },
    constraints: { members: [], excludeMembers: [], labels: {} },
  };
}

/** Part of all accelerators that is held when as many have been asked for as there are, in %. */
function fill(pods: readonly Pod[], seed: number, learns: boolean): number {
  const nodes = idleNodes();
  const place = new Map(nodes.map(({ node }, index) => [node.name, index]));
  const all = nodes.reduce((sum, { node }) => sum + node.accelerators.length, 0);
  const memory = new PlacementMemory();
  const chance = chanceOf(seed);
  let [arrived, held, jobs] = [0, 0, 0];
  const take = ({ placements }: Start): void => {
    for (const { node, acceleratorIds, milliCpu, memoryMiB } of placements) {
      const at = place.get(node)!;
      const view = nodes[at]!;
      nodes[at] = {
        ...view,
        freeAcceleratorIds: view.freeAcceleratorIds.filter((id) => !acceleratorIds.includes(id)),
        freeMilliCpu: view.freeMilliCpu - milliCpu,
        freeMemoryMiB: view.freeMemoryMiB - memoryMiB,
      };
      held += acceleratorIds.length;
    }
  };
  while (arrived < all) {
    const waiting = Array.from({ length: BATCH }, () => {
      const pod = pods[Math.floor(chance.next() * pods.length)]!;
      const spec = jobOf(pod);
      arrived += pod.accelerators;
      memory.arrivals.learn(spec);
      jobs += 1;
      return { jobId: `${jobs}`, spec, submittedAtMs: jobs, eligible: true };
    });
    const projects = [{ name: "openb", parent: null, shares: 1, usage: 0 }];
    const input = { nowMs: 0, nodes, running: [], waiting, projects };
    for (const start of plan(learns ? { ...input, memory } : input).starts) take(start);
  }
  return (100 * held) / all;
}

const mean = (list: readonly number[]): number =>
  list.reduce((sum, value) => sum + value, 0) / list.length;

const seeds = values.seeds.split(",").map(Number);
const table = [["workload", "best fit", "learned", "gain"]];
for (const workload of values.workload.split(",")) {
  const pods = podsOf(workload);
  const [bestFit, learned] = [false, true].map((learns) =>
    mean(seeds.map((seed) => fill(pods, seed, learns))),
  ) as [number, number];
  table.push([workload, fixed(bestFit, 2), fixed(learned, 2), fixed(learned - bestFit, 2)]);
  const figure = {
    claim: `Accelerators held at 100 % load by the pool's own pass, ${workload}, whole ones`,
    ...{ value: rounded(learned, 2), unit: "%", bar: "not below best fit" },
    peer: { bestFit: rounded(bestFit, 2) },
    details: { seeds },
  };
  if (values["no-record"]) console.log(JSON.stringify(figure));
  else record("ranking", figure);
}
printTable(table);
