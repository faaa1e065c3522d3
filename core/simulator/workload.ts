// Made-up nodes and jobs for simulated worlds, drawn from the seed.
import type { Dependency, JobSpec, Node } from "../pool/index.ts";
import type { Chance } from "./chance.ts";

const MODELS = [
  { vendor: "NVIDIA", model: "H100 SXM5 80GB", memoryMiB: 81_920 },
  { vendor: "AMD", model: "MI300X", memoryMiB: 196_608 },
  { vendor: "Huawei", model: "Ascend 910B", memoryMiB: 65_536 },
] as const;

/** One to three nodes of one site; the first site always has something for every job. */
export function makeNodes(chance: Chance, index: number): readonly Node[] {
  const count = chance.whole(1, 3);
  return Array.from({ length: count }, (_, i) => {
    const product = index === 0 ? MODELS[0] : chance.pick(MODELS);
    const accelerators = index === 0 && i === 0 ? 4 : chance.whole(0, 4);
    return {
      name: `n${index}-${i}`,
      os: "linux",
      arch: "x64",
      milliCpu: 8_000,
      memoryMiB: 65_536,
      accelerators: Array.from({ length: accelerators }, (__, gpu) => ({
        id: `gpu${gpu}`,
        kind: "gpu" as const,
        ...product,
      })),
      labels: {},
    };
  });
}

const KINDS = ["after", "afterany", "afterok", "afternotok"] as const;

/** A small job; some depend on jobs that are known already. */
export function makeJob(chance: Chance, index: number, known: readonly string[]): JobSpec {
  const dependencies: Dependency[] =
    known.length > 0 && chance.hits(0.25)
      ? [{ kind: chance.pick(KINDS), jobId: chance.pick(known) }]
      : [];
  const vendor = chance.hits(0.2) ? { vendor: "NVIDIA" } : {};
  return {
    name: `job-${index}`,
    project: chance.pick(["default", "a", "b"]),
    user: chance.pick(["ana", "bo"]),
    priority: chance.pick([50, 100, 100, 200]),
    preemptible: chance.hits(0.3),
    walltimeMs: chance.pick([120_000, 300_000, 600_000]),
    groups: [
      {
        name: "main",
        count: chance.pick([1, 1, 1, 2]),
        command: ["work"],
        env: {},
        resources: {
          accelerators: chance.whole(0, 2),
          milliCpu: 500,
          memoryMiB: 512,
          ...vendor,
        },
      },
    ],
    constraints: { members: [], excludeMembers: [], labels: {} },
    dependencies,
    requeue: !chance.hits(0.1),
  };
}

const RUN_ENDS = [{ rounds: 2 }, { rounds: 6 }, { minutes: 3 }, { tokens: 20_000 }] as const;

/** A spanning run that a few sites end within minutes; a short one has two rounds. */
export function makeRun(chance: Chance, index: number, short: boolean): JobSpec {
  const stop = short ? RUN_ENDS[0] : chance.pick(RUN_ENDS);
  const innerSteps = chance.hits(0.7) ? { innerSteps: 10 } : {};
  const maxMembers = chance.hits(0.2) ? { maxMembers: 2 } : {};
  const base = makeJob(chance, index, []);
  return {
    ...base,
    name: `run-${index}`,
    // Longer than any fault lasts: only a wrong clock can end it.
    walltimeMs: 7_200_000,
    groups: base.groups.map((group) => ({
      ...group,
      count: 1,
      resources: { accelerators: chance.whole(0, 1), milliCpu: 500, memoryMiB: 512 },
    })),
    run: {
      model: { vocab: 256, context: 16, width: 16, layers: 1, heads: 1 },
      corpus: "sotu",
      seed: index,
      stop,
      referenceBatch: 8,
      maxBatch: 16,
      learningRate: 0.003,
      warmUpSteps: chance.pick([0, 0, 20]),
      ...innerSteps,
      ...maxMembers,
    },
  };
}
