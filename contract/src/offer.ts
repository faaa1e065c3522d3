// Offers and maintenance windows as the API shows and takes them: what a member lends, when, to
// whom and on which terms. What an offer means is written in core/pool/offer.ts.
import { LIMITS } from "@tequio/core/pool";
import { z } from "zod";
import { define } from "./endpoint.ts";
import { Count, EpochMs, Name } from "./primitives.ts";

const Micro = Count.max(1_000_000_000_000);
const Label = z.string().min(1).max(128);
/** A node's name, as the inventory has it; `*` at its end stands for any rest. */
const NodePattern = z.string().min(1).max(256);
const SiteId = z.string().min(1).max(128);

export const DeviceRuleWire = z.strictObject({
  node: NodePattern.optional(),
  kind: z.enum(["cpu", "gpu"]).optional(),
  /** Product name, or its first words. */
  model: z.string().min(1).max(128).optional(),
  /** At most so many of them; absent: all. */
  count: z.number().int().min(0).max(1_000_000).optional(),
});

export const HoursWire = z.strictObject({
  /** IANA time zone, e.g. `Europe/Berlin`. */
  zone: z.string().min(1).max(64).default("UTC"),
  /** E.g. `Mon-Fri 18:00-08:00`, `Sat-Sun`, `daily 22:00-06:00`. */
  windows: z.array(z.string().min(1).max(100)).max(LIMITS.OFFER_RULES_MAX),
});

/** Megabits a second; below a hundredth a model would take days. */
const MbitPerS = z.number().min(0.01).max(1_000_000);

/** A bound that holds at some hours; of several that are open the strictest counts. */
export const BandwidthRuleWire = z.strictObject({
  upMbitPerS: MbitPerS.optional(),
  downMbitPerS: MbitPerS.optional(),
  /** Null: always. */
  hours: HoursWire.nullable().default(null),
});

const Projects = z.array(Name).max(LIMITS.OFFER_RULES_MAX);

/** An offer without its version. What is left out is as in the default: everything, always. */
export const OfferWire = z.strictObject({
  /** What is lent; empty: everything. */
  devices: z.array(DeviceRuleWire).max(LIMITS.OFFER_RULES_MAX).default([]),
  /** When it is lent; null: always. */
  hours: HoursWire.nullable().default(null),
  /** Projects, each with those under it; an empty `allow`: all that are not refused. */
  tenants: z
    .strictObject({ allow: Projects.default([]), refuse: Projects.default([]) })
    .default({ allow: [], refuse: [] }),
  /** Added to the labels of every node. */
  labels: z
    .record(Label, z.string().max(256))
    .refine((labels) => Object.keys(labels).length <= LIMITS.OFFER_LABELS_MAX, {
      message: `at most ${LIMITS.OFFER_LABELS_MAX} labels`,
    })
    .default({}),
  /** Millionths of a credit for a device-hour; absent: the pool's price. */
  prices: z
    .strictObject({
      cpu: Micro.optional(),
      gpu: Micro.optional(),
      models: z
        .array(z.strictObject({ model: z.string().min(1).max(128), microPerDeviceHour: Micro }))
        .max(LIMITS.OFFER_RULES_MAX)
        .default([]),
    })
    .default({ models: [] }),
  /** Between the polite and the hard signal of a recall. */
  recallGraceMs: Count.max(LIMITS.RECALL_GRACE_MAX_MS).default(LIMITS.STOP_GRACE_MS),
  /** The member's own projects: never refused, and first on its devices if `ownFirst`. */
  ownProjects: Projects.default([]),
  ownFirst: z.boolean().default(true),
  /** Jobs may have parts of one GPU beside each other. Nothing but MPS or the jobs' good manners
   * keeps them apart, so it is for owners who trust those to whom they lend. */
  shareAccelerators: z.boolean().default(false),
  /** What training may use of the site's link; empty: all. */
  bandwidth: z.array(BandwidthRuleWire).max(LIMITS.OFFER_RULES_MAX).default([]),
  caps: z
    .strictObject({
      /** Longest time limit of a job. */
      walltimeMs: Count.min(1_000).optional(),
      milliCpuPerNode: Count.optional(),
      memoryMiBPerNode: Count.optional(),
    })
    .default({}),
});
export type OfferWire = z.infer<typeof OfferWire>;

export const OfferRequest = z.strictObject({
  /** Only for this site; absent: for all of the member that have none of their own. */
  site: SiteId.optional(),
  /** Refused with WRONG_STATE if the offer has another version meanwhile. */
  ifVersion: Count.optional(),
  offer: OfferWire,
});

export const OfferView = z.strictObject({
  member: z.string(),
  /** Present when the offer is this site's own. */
  site: z.string().optional(),
  /** 0: never set, the default. */
  version: Count,
  /** Name of who set it last. */
  changedBy: z.string().optional(),
  changedAtMs: EpochMs.optional(),
  offer: OfferWire,
  /** Whether the hours are open now, and until when that stays so. */
  open: z.boolean(),
  openUntilMs: EpochMs.optional(),
  opensAtMs: EpochMs.optional(),
  /** Accelerators that the sites have, and those of them that the offer lends. */
  accelerators: Count,
  acceleratorsLent: Count,
  /** Patterns of devices that were recalled one by one. */
  recalledDevices: z.array(z.string()),
});
export type OfferView = z.infer<typeof OfferView>;

export const MaintenanceRequest = z
  .strictObject({
    member: Name,
    /** Only this site; absent: all of the member. */
    site: SiteId.optional(),
    fromMs: EpochMs,
    toMs: EpochMs,
    reason: z.string().max(200).default(""),
  })
  .refine(({ fromMs, toMs }) => toMs > fromMs, {
    path: ["toMs"],
    message: "a window ends after it begins",
  });

export const MaintenanceView = z.strictObject({
  id: z.string(),
  member: z.string(),
  site: z.string().optional(),
  fromMs: EpochMs,
  toMs: EpochMs,
  reason: z.string(),
  state: z.enum(["planned", "now"]),
});
export type MaintenanceView = z.infer<typeof MaintenanceView>;

const ByMember = z.strictObject({ name: Name });
const OfSite = z.strictObject({ site: SiteId.optional() });

export const OFFER_ENDPOINTS = define({
  listOffers: {
    method: "GET",
    path: "/v1/members/:name/offers",
    summary: "What a member lends: its offer, then those of single sites",
    callers: ["person"],
    permission: "members.read",
    params: ByMember,
    reply: z.strictObject({ rows: z.array(OfferView) }),
  },
  setOffer: {
    method: "PUT",
    path: "/v1/members/:name/offer",
    summary: "Set what a member or one of its sites lends; leases outside of it are recalled",
    callers: ["person"],
    permission: "offers.change",
    params: ByMember,
    body: OfferRequest,
    reply: OfferView,
  },
  resetOffer: {
    method: "DELETE",
    path: "/v1/members/:name/offer",
    summary: "Back to the default; for a site, back to the member's offer",
    callers: ["person"],
    permission: "offers.change",
    params: ByMember,
    query: OfSite,
    reply: OfferView,
  },
  listMaintenance: {
    method: "GET",
    path: "/v1/maintenance",
    summary: "Maintenance windows that are planned or under way, by their beginning",
    callers: ["person"],
    permission: "members.read",
    query: z.strictObject({ member: Name.optional() }),
    reply: z.strictObject({ rows: z.array(MaintenanceView) }),
  },
  planMaintenance: {
    method: "POST",
    path: "/v1/maintenance",
    summary: "Plan a time in which a member's machines are not used",
    callers: ["person"],
    permission: "offers.change",
    body: MaintenanceRequest,
    reply: MaintenanceView,
    status: 201,
  },
  cancelMaintenance: {
    method: "DELETE",
    path: "/v1/maintenance/:id",
    summary: "Cancel a maintenance window, or end one that is under way",
    callers: ["person"],
    permission: "offers.change",
    params: z.strictObject({ id: z.string().min(1).max(64) }),
    reply: z.strictObject({ id: z.string() }),
  },
});
