// What operators' reservations keep, told to a pass: holds on the nodes that were chosen when they
// were made. Jobs that they are for may use them, others only if they are over in time.
import { type JobSpec, LIMITS } from "../../pool/index.ts";
import { addHold, type Reservation, type ReservedFor, serves } from "../backfill/holds.ts";
import type { Demand, Portion } from "../demand.ts";
import { projectKey, requestKey, userKey } from "../request-key.ts";
import type { ProjectView, ReservationView } from "../types.ts";
import type { NodeState, SiteState, World } from "../world.ts";

/**
 * So long before a window leases of others must be over: a lease begins to count when its tasks
 * start, and a job that reaches its limit is given a grace to stop.
 */
export const RESERVED_LEAD_MS = LIMITS.OFFER_START_MS + LIMITS.STOP_GRACE_MS;

/** What is kept in one pass. */
export class Reserved {
  readonly #byProject: boolean;
  readonly #byUser: boolean;
  readonly #open: readonly ReservedFor[];

  /** Puts what the reservations keep on the nodes of the world. */
  constructor(world: World, views: readonly ReservationView[], projects: readonly ProjectView[]) {
    this.#byProject = views.length > 0;
    this.#byUser = views.some(({ user }) => user !== null);
    const open: ReservedFor[] = [];
    for (const view of views) {
      if (view.toMs <= world.nowMs) continue;
      const reserved = reservedFor(view, world.nowMs, projects);
      if (reserved.open) open.push(reserved);
      keep(world, view, reserved);
    }
    this.#open = open;
  }

  /** One answer for those that ask for the same, and whose reservations are the same. */
  keyOf(spec: JobSpec, byProject: boolean): string {
    if (this.#byUser) return userKey(spec);
    return byProject || this.#byProject ? projectKey(spec) : requestKey(spec);
  }

  /** The demand of a job that goes where something is kept for it now, before anywhere else. */
  flavoured(demand: Demand, spec: JobSpec): Demand {
    if (!this.servesNow(spec)) return demand;
    const portions = demand.portions.map((portion): Portion => {
      const { taste = () => 0 } = portion;
      return { ...portion, taste: (node) => taste(node) - (isKeptFor(node, spec) ? 1 : 0) * KEPT };
    });
    return { ...demand, portions };
  }

  /** True if something is kept now for jobs like this. */
  servesNow(job: { readonly project: string; readonly user: string }): boolean {
    return this.#open.some((reserved) => serves(reserved, job));
  }
}

/** Points of taste that a kept node is dearer by than any other: tastes count in single points. */
const KEPT = 1_000_000;

const isKeptFor = ({ holds = [] }: NodeState, spec: JobSpec): boolean =>
  holds.some(({ reservation: { reserved } }) => reserved?.open === true && serves(reserved, spec));

function reservedFor(
  { project, user, fromMs, text }: ReservationView,
  nowMs: number,
  projects: readonly ProjectView[],
): ReservedFor {
  const open = fromMs <= nowMs;
  const told = { text, open, ...(user === null ? {} : { user }) };
  return project === null ? told : { ...told, projects: below(project, projects) };
}

/** A project and all that are under it. */
function below(project: string, projects: readonly ProjectView[]): ReadonlySet<string> {
  const all = new Set([project]);
  for (let before = 0; before < all.size; ) {
    before = all.size;
    for (const { name, parent } of projects) if (parent !== null && all.has(parent)) all.add(name);
  }
  return all;
}

function keep(world: World, view: ReservationView, reserved: ReservedFor): void {
  const { reservationId, fromMs, toMs, kept } = view;
  const startMs = fromMs - RESERVED_LEAD_MS;
  const times = { startMs, endMs: toMs, promisedMs: startMs, against: "limit" as const };
  const reservation: Reservation = { keeper: `reservation ${reservationId}`, reserved, ...times };
  const sites = new Map(world.sites.map((site) => [site.siteId, site]));
  const marked = new Set<SiteState>();
  for (const { siteId, node: name, acceleratorIds } of kept) {
    const site = sites.get(siteId);
    const node = site?.nodes.find((one) => one.view.node.name === name);
    // What has left the inventory is not kept; the list of reservations tells of it.
    if (site === undefined || node === undefined) continue;
    const ids = new Set(acceleratorIds);
    const { accelerators } = node.view.node;
    const devices = new Uint8Array(accelerators.length);
    for (const [i, { id }] of accelerators.entries()) devices[i] = ids.has(id) ? 1 : 0;
    const count = devices.reduce((sum, held) => sum + held, 0);
    const part = view.wholeNodes ? 1 : count / Math.max(1, accelerators.length);
    addHold(node, { reservation, devices, ...leftOver(node, reservation, part) });
    marked.add(site);
  }
  for (const site of marked) site.reservations.push(reservation);
}

/** What others may hold of a node's cores and memory in the window: what is not kept, nor held. */
function leftOver(node: NodeState, { startMs, reserved }: Reservation, part: number) {
  const { milliCpu, memoryMiB } = node.view.node;
  let [cpu, memory] = [milliCpu, memoryMiB];
  cpu -= Math.ceil(milliCpu * part);
  memory -= Math.ceil(memoryMiB * part);
  for (const { lease, parts, endsAtMs } of node.site.holdings) {
    if (endsAtMs <= startMs || lease === undefined) continue;
    const user = lease.spec?.user ?? "";
    if (serves(reserved!, { project: lease.project, user })) continue;
    for (const held of parts) {
      if (held.node !== node) continue;
      cpu -= held.milliCpu;
      memory -= held.memoryMiB;
    }
  }
  return { milliCpu: cpu, memoryMiB: memory };
}
