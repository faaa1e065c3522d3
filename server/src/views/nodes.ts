// Sites and nodes, from the state to the contract's views: sums that cost a site's leases and not
// its nodes, and the nodes of a page. A site may have thousands of them. Pure.
import type { SiteView } from "@tequio/contract";
import type { Site, State } from "@tequio/core/controller";
import { LIMITS, type Node } from "@tequio/core/pool";

type NodeRow = SiteView["nodes"][number];
type DeviceGroup = SiteView["devices"][number];

/** What is known of nodes that never change: an inventory brings new ones. */
interface Inventory {
  readonly byName: ReadonlyMap<string, Node>;
  readonly accelerators: number;
  readonly devices: readonly DeviceGroup[];
}

const inventories = new WeakMap<Site["nodes"], Inventory>();

function inventoryOf({ nodes }: Site): Inventory {
  const known = inventories.get(nodes);
  if (known !== undefined) return known;
  const groups = new Map<string, DeviceGroup>();
  let accelerators = 0;
  for (const { kind, vendor, model, memoryMiB } of nodes.flatMap((node) => node.accelerators)) {
    accelerators += 1;
    const key = JSON.stringify([kind, vendor, model, memoryMiB]);
    const count = (groups.get(key)?.count ?? 0) + 1;
    groups.set(key, { kind, vendor, model, memoryMiB, count });
  }
  const devices = [...groups.values()].sort((a, b) => b.count - a.count);
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const made = { byName, accelerators, devices };
  inventories.set(nodes, made);
  return made;
}

interface Held {
  readonly ids: Set<string>;
  milliCpu: number;
  memoryMiB: number;
}

/** What leases hold, by node. */
function heldOn(state: State, site: Site): ReadonlyMap<string, Held> {
  const held = new Map<string, Held>();
  for (const leaseId of site.openLeases) {
    for (const placement of state.leases.get(leaseId)?.lease.placements ?? []) {
      const sum = held.get(placement.node) ?? { ids: new Set(), milliCpu: 0, memoryMiB: 0 };
      for (const id of placement.acceleratorIds) sum.ids.add(id);
      sum.milliCpu += placement.milliCpu;
      sum.memoryMiB += placement.memoryMiB;
      held.set(placement.node, sum);
    }
  }
  return held;
}

export interface DeviceSums {
  readonly accelerators: number;
  readonly acceleratorsFree: number;
}

/** Devices of a site, and those that no lease holds. A device that was taken out while it was
 * leased is held, but no longer there. */
export function deviceSums(state: State, site: Site): DeviceSums {
  const { accelerators, byName } = inventoryOf(site);
  let held = 0;
  for (const [name, { ids }] of heldOn(state, site)) {
    for (const { id } of byName.get(name)?.accelerators ?? []) if (ids.has(id)) held += 1;
  }
  return { accelerators, acceleratorsFree: accelerators - held };
}

/** Nodes of a site from a place on, at most `limit`. */
export function nodeRows(state: State, site: Site, from: number, limit: number): NodeRow[] {
  const held = heldOn(state, site);
  return site.nodes.slice(from, from + limit).map((node) => {
    const used = held.get(node.name);
    const free = node.accelerators.filter(({ id }) => used?.ids.has(id) !== true);
    return {
      ...node,
      accelerators: node.accelerators.map((accelerator) => ({ ...accelerator })),
      labels: { ...node.labels },
      freeAccelerators: free.length,
      freeMilliCpu: Math.max(0, node.milliCpu - (used?.milliCpu ?? 0)),
      freeMemoryMiB: Math.max(0, node.memoryMiB - (used?.memoryMiB ?? 0)),
    };
  });
}

/** A site with its first nodes; `seenMs`: when it was heard from, as far as that is known. */
export function siteView(
  state: State,
  site: Site,
  seenMs: number | undefined,
  nodesMax: number = LIMITS.SITE_NODES_SHOWN,
): SiteView {
  const { siteId, member, engine, agentVersion, calibration, certificate } = site;
  return {
    ...{ siteId, member, engine, state: site.state },
    ...(agentVersion === "" ? {} : { agentVersion }),
    ...(site.revoked === true ? { revoked: site.revoked } : {}),
    ...(certificate && { certificate: { ...certificate, names: [...certificate.names] } }),
    ...(site.state === "joined" ? {} : { lastSeenMs: seenMs ?? site.changedAtMs }),
    ...deviceSums(state, site),
    devices: [...inventoryOf(site).devices],
    nodeCount: site.nodes.length,
    nodes: nodeRows(state, site, 0, nodesMax),
    ...(calibration === null ? {} : { calibration }),
  };
}
