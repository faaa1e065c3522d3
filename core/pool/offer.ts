// The offer: what a member lends and on which terms. The pool plans by it and the site's agent
// checks by it, so what it means is written here once, for both. Who may change it, and when it
// is looked at, is left to core/controller and the agent.
import type { BandwidthRule } from "./bandwidth.ts";
import { hoursText, type WeeklyHours } from "./hours.ts";
import { LIMITS } from "./limits.ts";
import type { Accelerator, AcceleratorKind, Node } from "./resources.ts";

/** Names some accelerators; what is left out may be anything. */
export interface DeviceRule {
  /** Name of a node; `*` at its end stands for any rest. */
  readonly node?: string;
  readonly kind?: AcceleratorKind;
  /** The catalogue's product name, or its first words. Compared without case. */
  readonly model?: string;
  /** At most so many of them, by the name of the node and the order on it. */
  readonly count?: number;
}

/** Prices in millionths of a credit for a device-hour; what is absent costs what the pool says. */
export interface OfferPrices {
  readonly cpu?: number;
  readonly gpu?: number;
  readonly models: readonly { readonly model: string; readonly microPerDeviceHour: number }[];
}

export interface Offer {
  /** 0 for the offer of a member that never made one; grows with every change. */
  readonly version: number;
  /** What is lent; empty: everything. */
  readonly devices: readonly DeviceRule[];
  /** When it is lent; null: always. */
  readonly hours: WeeklyHours | null;
  /** Projects, each with those under it. An empty `allow` lets in all that are not refused. */
  readonly tenants: { readonly allow: readonly string[]; readonly refuse: readonly string[] };
  /** Added to those of every node; these win. */
  readonly labels: Readonly<Record<string, string>>;
  readonly prices: OfferPrices;
  /** Between the polite and the hard signal when the owner takes back what is lent. */
  readonly recallGraceMs: number;
  /** The member's own projects: never refused, and they come first on its devices. */
  readonly ownProjects: readonly string[];
  /** False: own projects wait in the pool's order like everybody's. */
  readonly ownFirst: boolean;
  /** Jobs may have parts of one GPU beside each other; absent: each is held alone. */
  readonly shareAccelerators?: boolean;
  /** What training may use of the site's link, by the hour; absent: all. */
  readonly bandwidth?: readonly BandwidthRule[];
  readonly caps: {
    /** Longest time limit of a job. */
    readonly walltimeMs?: number;
    /** Processor time and main memory that are lent on each node, at most. */
    readonly milliCpuPerNode?: number;
    readonly memoryMiBPerNode?: number;
  };
}

/** Everything, always, to everybody: what holds until a member says otherwise. */
export const DEFAULT_OFFER: Offer = {
  version: 0,
  devices: [],
  hours: null,
  tenants: { allow: [], refuse: [] },
  labels: {},
  prices: { models: [] },
  recallGraceMs: LIMITS.STOP_GRACE_MS,
  ownProjects: [],
  ownFirst: true,
  caps: {},
};

/** A time in which a member's machines, or one site's, are not to be used. */
export interface MaintenanceWindow {
  readonly windowId: string;
  /** Null: all sites of the member. */
  readonly siteId: string | null;
  readonly fromMs: number;
  /** First moment that no longer counts. */
  readonly toMs: number;
  readonly reason: string;
}

/** True when a device is named by a pattern such as `gpu-node-1`, `gpu-*` or `gpu-node-1/gpu0`. */
export function namesDevice(pattern: string, node: string, acceleratorId: string): boolean {
  const slash = pattern.indexOf("/");
  if (slash === -1) return matchesName(pattern, node);
  const device = pattern.slice(slash + 1);
  return matchesName(pattern.slice(0, slash), node) && matchesName(device, acceleratorId);
}

const matchesName = (pattern: string, name: string): boolean =>
  pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;

function isMeant(rule: DeviceRule, node: string, device: Accelerator): boolean {
  return (
    (rule.node === undefined || matchesName(rule.node, node)) &&
    (rule.kind === undefined || rule.kind === device.kind) &&
    (rule.model === undefined || isModel(rule.model, device.model))
  );
}

/** A blank at the end keeps `A10` from standing for `A100`. */
const isModel = (wanted: string, model: string): boolean =>
  `${model.toLowerCase()} `.startsWith(`${wanted.toLowerCase()} `);

/**
 * The nodes as they are lent: without the accelerators that are not, with the offer's labels and
 * within its caps. A node is left out when nothing on it is lent; `recalled` are patterns of what
 * the owner took back. A node without accelerators is lent if a rule names no kind and no model.
 */
export function lentNodes(
  offer: Offer,
  nodes: readonly Node[],
  recalled: readonly string[] = [],
): ReadonlyMap<string, Node> {
  const left = offer.devices.map(({ count }) => count ?? Infinity);
  const lent = new Map<string, Node>();
  const byName = [...nodes].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  for (const node of byName) {
    const accelerators = node.accelerators.filter((device) => {
      if (offer.devices.length > 0) {
        const rule = offer.devices.findIndex(
          (one, i) => left[i]! > 0 && isMeant(one, node.name, device),
        );
        if (rule === -1) return false;
        left[rule]! -= 1;
      }
      // What is recalled still counts: taking two back does not lend two others.
      return !recalled.some((pattern) => namesDevice(pattern, node.name, device.id));
    });
    const bare = node.accelerators.length === 0;
    if (bare ? isBareLent(offer, node.name, recalled) : accelerators.length > 0) {
      lent.set(node.name, asLent(offer, node, accelerators));
    }
  }
  return lent;
}

function isBareLent({ devices }: Offer, name: string, recalled: readonly string[]): boolean {
  if (recalled.some((pattern) => !pattern.includes("/") && matchesName(pattern, name)))
    return false;
  return (
    devices.length === 0 ||
    devices.some(
      ({ kind, model, node }) =>
        kind === undefined &&
        model === undefined &&
        (node === undefined || matchesName(node, name)),
    )
  );
}

function asLent({ labels, caps }: Offer, node: Node, accelerators: readonly Accelerator[]): Node {
  return {
    ...node,
    accelerators,
    labels: { ...node.labels, ...labels },
    milliCpu: Math.min(node.milliCpu, caps.milliCpuPerNode ?? Infinity),
    memoryMiB: Math.min(node.memoryMiB, caps.memoryMiBPerNode ?? Infinity),
  };
}

/** `line` is a project and those above it. True if it is one of the member's own. */
export const isOwnProject = ({ ownProjects }: Offer, line: readonly string[]): boolean =>
  line.some((project) => ownProjects.includes(project));

/** Why a project, given with those above it, is not served; undefined if it is. */
export function refuseTenant(offer: Offer, line: readonly string[]): string | undefined {
  const { allow, refuse } = offer.tenants;
  if (isOwnProject(offer, line)) return undefined;
  if (line.some((project) => refuse.includes(project))) return "does not lend to this project";
  if (allow.length === 0 || line.some((project) => allow.includes(project))) return undefined;
  return `lends only to ${allow.join(", ")}`;
}

/** True if an offer asks for other prices than the pool's. */
export const hasPrices = ({ cpu, gpu, models }: OfferPrices): boolean =>
  cpu !== undefined || gpu !== undefined || models.length > 0;

/** Price of a device by the offer, in millionths of a credit an hour; undefined: the pool's. */
export function offeredPrice(
  { cpu, gpu, models }: OfferPrices,
  device: { readonly kind: AcceleratorKind; readonly model: string },
): number | undefined {
  const named = models.find(({ model }) => isModel(model, device.model));
  return named?.microPerDeviceHour ?? (device.kind === "gpu" ? gpu : cpu);
}

/** E.g. `lends only Mon-Fri 18:00-08:00 (Europe/Berlin)`. */
export const onlyHours = (hours: WeeklyHours): string => `lends only ${hoursText(hours)}`;
