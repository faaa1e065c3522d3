// The machines that a plan is made for: members with sites and nodes, and what becomes of them
// when a member leaves, owners pool theirs, or there is less of everything. Reading a cluster file
// is left to the command; which job goes where to the policies.
import type { Accelerator, Node } from "../../pool/index.ts";

export interface ClusterSite {
  readonly name: string;
  readonly nodes: readonly Node[];
}

export interface ClusterMember {
  readonly name: string;
  readonly sites: readonly ClusterSite[];
}

export interface Cluster {
  readonly members: readonly ClusterMember[];
  /** Credits for an accelerator-hour by model; a model that is missing costs nothing. */
  readonly prices?: ReadonlyMap<string, number>;
}

/** What widths and capacities are counted in. */
export type Unit = "accelerators" | "cores";

/** Accelerators of one node of the clusters that are made up here. */
const MADE_UP_NODE = { accelerators: 8, milliCpu: 96_000, memoryMiB: 1_048_576 };

/** What a node counts for. */
export const nodeSlots = (node: Node, unit: Unit): number =>
  unit === "accelerators" ? node.accelerators.length : Math.floor(node.milliCpu / 1_000);

/** What a member has, all sites together. */
export const memberSlots = ({ sites }: ClusterMember, unit: Unit): number =>
  sites.reduce(
    (sum, { nodes }) => nodes.reduce((inner, node) => inner + nodeSlots(node, unit), sum),
    0,
  );

/** What all members have. */
export const clusterSlots = ({ members }: Cluster, unit: Unit): number =>
  members.reduce((sum, member) => sum + memberSlots(member, unit), 0);

/** All nodes, for looking at what there is. */
export const nodesOf = ({ members }: Cluster): readonly Node[] =>
  members.flatMap(({ sites }) => sites.flatMap(({ nodes }) => nodes));

/** Only these members. */
export const onlyMembers = (cluster: Cluster, names: ReadonlySet<string>): Cluster => ({
  ...cluster,
  members: cluster.members.filter(({ name }) => names.has(name)),
});

/**
 * The same members with a part of their nodes, 0 to 1. Nodes are dropped evenly over the whole
 * list, so that the pool shrinks by the factor as nearly as whole nodes allow.
 */
export function scaleCluster(cluster: Cluster, factor: number): Cluster {
  let seen = 0;
  const kept = (): boolean => {
    seen += 1;
    return Math.floor(seen * factor + ROUNDING) > Math.floor((seen - 1) * factor + ROUNDING);
  };
  return {
    ...cluster,
    members: cluster.members.map((member) => ({
      ...member,
      sites: member.sites.map((site) => ({ ...site, nodes: site.nodes.filter(kept) })),
    })),
  };
}
/** 0.9 x 10 nodes are 9, whatever binary fractions make of it. */
const ROUNDING = 1e-9;

/** One accelerator of a node. */
export const acceleratorAt = (
  index: number,
  what: Omit<Accelerator, "id" | "kind">,
): Accelerator => ({ id: `gpu${index}`, kind: "gpu", ...what });

/** Owners with so many accelerators each, one site a member, in nodes of 8. */
export function ownersCluster(owners: readonly string[], slots: readonly number[]): Cluster {
  return {
    members: owners.map((name, at) => ({
      name,
      sites: [{ name, nodes: acceleratorNodes(slots[at] ?? 0) }],
    })),
  };
}

function acceleratorNodes(count: number): Node[] {
  const nodes: Node[] = [];
  for (let left = count; left > 0; left -= MADE_UP_NODE.accelerators) {
    const here = Math.min(left, MADE_UP_NODE.accelerators);
    nodes.push({
      name: `n${nodes.length + 1}`,
      ...{ os: "linux", arch: "x64" },
      milliCpu: MADE_UP_NODE.milliCpu,
      memoryMiB: MADE_UP_NODE.memoryMiB,
      accelerators: Array.from({ length: here }, (_, at) =>
        acceleratorAt(at, { vendor: "any", model: "any", memoryMiB: 0 }),
      ),
      labels: {},
    });
  }
  return nodes;
}

/** One member with processors and no accelerators, for logs of machines without them. */
export function processorsCluster(member: string, processors: number, perNode: number): Cluster {
  const nodes: Node[] = [];
  for (let left = processors; left > 0; left -= perNode) {
    nodes.push({
      name: `n${nodes.length + 1}`,
      ...{ os: "linux", arch: "x64" },
      milliCpu: Math.min(left, perNode) * 1_000,
      memoryMiB: MADE_UP_NODE.memoryMiB,
      accelerators: [],
      labels: {},
    });
  }
  return { members: [{ name: member, sites: [{ name: member, nodes }] }] };
}
