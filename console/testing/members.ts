// Members, sites and nodes of the fake pool: several vendors, and one member in each state.
import type { MemberView, SiteView } from "@tequio/contract";

type Node = SiteView["nodes"][number];

interface Kind {
  readonly kind: "cpu" | "gpu";
  readonly vendor: string;
  readonly model: string;
  readonly memoryMiB: number;
}

const H100: Kind = { kind: "gpu", vendor: "NVIDIA", model: "H100 SXM", memoryMiB: 81_920 };
const MI300: Kind = { kind: "gpu", vendor: "AMD", model: "Instinct MI300X", memoryMiB: 196_608 };
const ASCEND: Kind = { kind: "gpu", vendor: "Huawei", model: "Ascend 910B", memoryMiB: 65_536 };
const LAPTOP: Kind = { kind: "cpu", vendor: "AMD", model: "Ryzen 7 7840U", memoryMiB: 0 };

function node(name: string, kind: Kind, count: number, free: number): Node {
  return {
    name,
    os: "linux",
    arch: kind === ASCEND ? "arm64" : "x64",
    milliCpu: count * 16_000,
    memoryMiB: count * 131_072,
    accelerators: Array.from({ length: count }, (_, i) => ({ id: String(i), ...kind })),
    labels: {},
    freeAccelerators: free,
    freeMilliCpu: free * 16_000 + 4_000,
    freeMemoryMiB: free * 131_072,
  };
}

/** Equal accelerators together. */
function devicesOf(nodes: readonly Node[]): SiteView["devices"] {
  const groups = new Map<string, SiteView["devices"][number]>();
  for (const { id: _, ...kind } of nodes.flatMap(({ accelerators }) => accelerators)) {
    const count = (groups.get(kind.model)?.count ?? 0) + 1;
    groups.set(kind.model, { ...kind, count });
  }
  return [...groups.values()].sort((a, b) => b.count - a.count);
}

function site(
  member: string,
  nowMs: number,
  nodes: readonly Node[],
  changes: Partial<SiteView>,
): SiteView {
  return {
    siteId: `${member}-1`,
    member,
    engine: "slurm",
    state: "here",
    agentVersion: "0.1.0",
    lastSeenMs: nowMs - 1_500,
    nodes: [...nodes],
    nodeCount: nodes.length,
    accelerators: nodes.flatMap(({ accelerators }) => accelerators).length,
    acceleratorsFree: nodes.reduce((sum, { freeAccelerators }) => sum + freeAccelerators, 0),
    devices: devicesOf(nodes),
    ...changes,
  };
}

const measured = (gemmGflops: number, rttMs: number, up: number, down: number) => ({
  gemmGflops,
  memoryGBPerS: 80,
  link: { rttMs, upMbitPerS: up, downMbitPerS: down },
});

function member(name: string, nowMs: number, changes: Partial<MemberView>): MemberView {
  const sites = changes.sites ?? [];
  const nodes = sites.flatMap((one) => one.nodes);
  return {
    name,
    state: "active",
    invitedAtMs: nowMs - 6 * 86_400_000,
    sites,
    accelerators: nodes.reduce((sum, one) => sum + one.accelerators.length, 0),
    acceleratorsFree: nodes.reduce((sum, one) => sum + one.freeAccelerators, 0),
    runningJobs: 0,
    deviceMs: 0,
    earnedMicroCredits: 0,
    ...changes,
  };
}

/** The members at a time. */
export function makeMembers(nowMs: number): readonly MemberView[] {
  const h100 = [node("gpu01", H100, 8, 0), node("gpu02", H100, 8, 3)];
  const mi300 = [node("mi-a", MI300, 4, 1)];
  const ascend = [node("atlas-7", ASCEND, 8, 8)];
  return [
    member("aurora", nowMs, {
      sites: [site("aurora", nowMs, h100, { calibration: measured(812_400, 3.2, 940, 936) })],
      runningJobs: 3,
      deviceMs: 312_450_000,
      earnedMicroCredits: 86_791_666_000,
    }),
    member("basalt", nowMs, {
      sites: [
        site("basalt", nowMs, mi300, {
          engine: "kubernetes",
          calibration: measured(640_900, 41, 95, 220),
        }),
      ],
      runningJobs: 1,
      deviceMs: 97_214_000,
      earnedMicroCredits: 27_003_888_000,
    }),
    member("cedar", nowMs, {
      state: "draining",
      sites: [site("cedar", nowMs, ascend, { calibration: measured(298_000, 18.4, 480, 510) })],
      deviceMs: 12_000_000,
      earnedMicroCredits: 3_333_333_000,
    }),
    member("delta-school", nowMs, {
      sites: [
        site("delta-school", nowMs, [node("lab-pc", LAPTOP, 1, 1)], {
          engine: "local",
          state: "away",
          lastSeenMs: nowMs - 4 * 60_000,
        }),
      ],
      earnedMicroCredits: 41_000,
    }),
    member("ember", nowMs, { state: "invited", invitedAtMs: nowMs - 7_200_000 }),
  ];
}
