// Owners in simulated worlds: what they set, plan and take back, drawn from the seed, and the rules
// that must hold of it. No lease is granted outside of an offer, and what is recalled has really
// ended when its grace is over and no message was lost.
import type { Event, Input, State } from "../controller/index.ts";
import { lendingOf, lentNodesOf, projectLine } from "../controller/index.ts";
import {
  assert,
  DEFAULT_OFFER,
  LIMITS,
  type Offer,
  parseHours,
  refuseTenant,
} from "../pool/index.ts";
import type { Chance } from "./chance.ts";

type Untimed<T> = T extends { readonly atMs: number } ? Omit<T, "atMs"> : never;
type Wish = Untimed<
  Extract<
    Input,
    { readonly type: "setOffer" | "planMaintenance" | "cancelMaintenance" | "changeMember" }
  >
>;

/** What an owner does, and how the world takes it back later. */
export interface OwnerWish {
  readonly does: Wish;
  readonly undoes: Wish;
}

/** Worlds begin at midnight: these hours close in the midst of one. */
function hoursOfWorld(): Offer["hours"] {
  const windows = ["daily 0:00-0:08"];
  const spans = parseHours(windows);
  assert(spans.ok, "the hours can be read");
  return { zone: "UTC", windows, spans: spans.value, offsets: [{ fromMs: 0, minutes: 0 }] };
}

const OFFERS: readonly Partial<Offer>[] = [
  { tenants: { allow: ["a"], refuse: [] } },
  { tenants: { allow: [], refuse: ["b"] }, ownProjects: ["b"] },
  { ownProjects: ["a"], recallGraceMs: 1_000 },
  { devices: [{ count: 1 }], recallGraceMs: 30_000 },
  { caps: { walltimeMs: 300_000 }, prices: { gpu: 3, models: [] } },
  { hours: hoursOfWorld() },
];

/** One thing that an owner wants. */
export function ownerWish(chance: Chance, member: string, nowMs: number): OwnerWish {
  const kind = chance.pick(["offer", "offer", "window", "devices"] as const);
  const name = member;
  if (kind === "offer") {
    const offer = { ...DEFAULT_OFFER, ...chance.pick(OFFERS) };
    const set = { type: "setOffer", name, siteId: null } as const;
    return { does: { ...set, offer }, undoes: { ...set, offer: null } };
  }
  if (kind === "window") {
    const fromMs = Math.floor(nowMs) + chance.whole(0, 240_000);
    const windowId = `w-${member}-${fromMs}`;
    const window = { name, windowId, siteId: null, fromMs, toMs: fromMs + 180_000, reason: "sim" };
    return {
      does: { type: "planMaintenance", ...window },
      undoes: { type: "cancelMaintenance", windowId },
    };
  }
  const change = { type: "changeMember", name } as const;
  return {
    does: { ...change, action: "recall", devices: ["*/gpu0"] },
    undoes: { ...change, action: "resume" },
  };
}

/** Rules about one grant, in the state that it led to. */
export function checkGrant(state: State, event: Event): void {
  if (event.type !== "lease.granted") return;
  const { lease } = event;
  const site = state.sites.get(lease.siteId)!;
  const { spec } = state.jobs.get(lease.jobId)!;
  const { offer, closed, until } = lendingOf(state, site, lease.grantedAtMs);
  assert(closed === undefined, "no lease is granted while its owner does not lend");
  const refused = refuseTenant(offer, projectLine(state, spec.project));
  assert(refused === undefined, "no lease is granted to a project that its owner refuses");
  const most = offer.caps.walltimeMs ?? Infinity;
  assert(spec.walltimeMs <= most, "no lease is granted beyond the owner's longest limit");
  const leftMs = (until?.atMs ?? Infinity) - lease.grantedAtMs;
  const mayBeCut = spec.preemptible || spec.run !== undefined;
  const stay = mayBeCut ? Math.min(spec.walltimeMs, LIMITS.OFFER_STAY_MIN_MS) : spec.walltimeMs;
  assert(leftMs >= stay, "no lease is granted that would run into the end of the owner's time");
  const lent = lentNodesOf(state, site);
  for (const { node, acceleratorIds } of lent === undefined ? [] : lease.placements) {
    const ids = new Set(lent?.get(node)?.accelerators.map(({ id }) => id));
    assert(lent?.has(node) === true, "no lease is granted on a node that is not lent");
    assert(
      acceleratorIds.every((id) => ids.has(id)),
      "only devices that are lent are granted",
    );
  }
}

/** The clocks of simulated sites are off by at most 1 in 20. */
const DRIFT = 1.06;
/** A message on its way, and the engine's and the pool's next look. */
const MARGIN_MS = 5_000;

/** Holds recalls to their word: it listens to the journal, and to what really runs. */
export class RecallChecker {
  readonly #dueMs = new Map<string, number>();
  /** Recalls that were kept. */
  kept = 0;

  onEvent(event: Event, nowMs: number): void {
    if (event.type !== "lease.stopping" || event.outcome !== "recalled") return;
    // A site that is cut off hears of it later; its right to run ends within one horizon.
    const mostMs = (event.graceMs + LIMITS.LEASE_HORIZON_MS) * DRIFT + MARGIN_MS;
    const dueMs = Math.min(this.#dueMs.get(event.leaseId) ?? Infinity, nowMs + mostMs);
    this.#dueMs.set(event.leaseId, dueMs);
  }

  onEnd(leaseId: string, nowMs: number): void {
    const dueMs = this.#dueMs.get(leaseId);
    if (dueMs === undefined) return;
    assert(nowMs <= dueMs, `lease ${leaseId} ends within the grace of its recall`);
    this.kept += 1;
  }
}
