// Members, sites, projects and statements as the API shows them.
import { BACKFILL_MODES, LIMITS } from "@tequio/core/pool";
import { z } from "zod";
import { Count, Digest, EpochMs, Name, PageQuery } from "./primitives.ts";

export const AcceleratorWire = z.strictObject({
  id: z.string().max(64),
  kind: z.enum(["cpu", "gpu"]),
  vendor: z.string().max(64),
  model: z.string().max(128),
  memoryMiB: Count,
});
export const NodeWire = z.strictObject({
  name: z.string().min(1).max(255),
  os: z.string().max(64),
  arch: z.string().max(32),
  milliCpu: Count,
  memoryMiB: Count,
  accelerators: z.array(AcceleratorWire).max(1_024),
  labels: z.record(z.string().max(128), z.string().max(256)),
});
export const LinkWire = z.strictObject({
  rttMs: z.number().nonnegative(),
  upMbitPerS: z.number().nonnegative(),
  downMbitPerS: z.number().nonnegative(),
});
export const CalibrationWire = z.strictObject({
  gemmGflops: z.number().nonnegative(),
  memoryGBPerS: z.number().nonnegative(),
  link: LinkWire,
});

export const NodeView = NodeWire.extend({
  freeAccelerators: Count,
  freeMilliCpu: Count,
  freeMemoryMiB: Count,
});
export const SiteView = z.strictObject({
  siteId: z.string(),
  member: z.string(),
  engine: z.string(),
  state: z.enum(["joined", "here", "away"]),
  agentVersion: z.string().optional(),
  /** An operator took its right to connect away, for good. */
  revoked: z.literal(true).optional(),
  /** What its agent showed when it came last; absent: nothing. */
  certificate: z
    .strictObject({
      subject: z.string(),
      names: z.array(z.string()),
      /** SHA-256, 64 hexadecimal digits. */
      fingerprint: z.string(),
      validToMs: EpochMs,
    })
    .optional(),
  lastSeenMs: EpochMs.optional(),
  nodeCount: Count,
  accelerators: Count,
  acceleratorsFree: Count,
  /** All accelerators by product, most first. */
  devices: z.array(
    AcceleratorWire.pick({ kind: true, vendor: true, model: true, memoryMiB: true }).extend({
      count: Count,
    }),
  ),
  /** The first LIMITS.SITE_NODES_SHOWN; all of them are on the pages of `GET /v1/members/:name`,
   * where this is empty. */
  nodes: z.array(NodeView),
  calibration: CalibrationWire.optional(),
});
export type SiteView = z.infer<typeof SiteView>;

export const MemberView = z.strictObject({
  name: z.string(),
  state: z.enum(["invited", "active", "draining", "recalled"]),
  invitedAtMs: EpochMs,
  sites: z.array(SiteView),
  accelerators: Count,
  acceleratorsFree: Count,
  runningJobs: Count,
  deviceMs: Count,
  earnedMicroCredits: z.number().int(),
});
export type MemberView = z.infer<typeof MemberView>;
/** A member with a page of the nodes of its sites. */
export const MemberDetail = MemberView.extend({
  nodes: z.array(NodeView.extend({ site: z.string() })),
  nextCursor: z.string().optional(),
});
export type MemberDetail = z.infer<typeof MemberDetail>;

const AgeingWire = z.strictObject({
  pointMs: z
    .number()
    .int()
    .min(LIMITS.AGEING_POINT_MS_MIN)
    .max(LIMITS.AGEING_POINT_MS_MAX)
    .describe("Waiting so many milliseconds is a point of priority"),
  pointsMax: z.number().int().min(1).max(1_000).describe("Points that waiting gives at most"),
});
export const PoolChange = z.strictObject({
  ageing: AgeingWire.nullable()
    .optional()
    .describe("How waiting raises priorities; null: not at all; absent: as it is"),
  backfill: z
    .enum(BACKFILL_MODES)
    .optional()
    .describe("How jobs may pass a blocked one; absent: as it is"),
  moves: z
    .boolean()
    .optional()
    .describe("Whether preemptible jobs may move within their site to make room; absent: as it is"),
});
export const PoolView = z.strictObject({
  poolId: z.string(),
  name: z.string(),
  version: z.string(),
  nowMs: EpochMs,
  seq: Count,
  members: Count,
  sitesHere: Count,
  accelerators: Count,
  acceleratorsFree: Count,
  jobsQueued: Count,
  jobsRunning: Count,
  jobsEnded: Count,
  runs: Count,
  /** How waiting raises priorities; null: not at all. */
  ageing: AgeingWire.nullable(),
  /** How jobs may pass a blocked one. */
  backfill: z.enum(BACKFILL_MODES),
  /** Whether preemptible jobs may move within their site to make room. */
  moves: z.boolean(),
});
export type PoolView = z.infer<typeof PoolView>;

export const InviteRequest = z.strictObject({ name: Name });
export const InviteView = z.strictObject({
  member: z.string(),
  joinToken: z.string(),
  expiresAtMs: EpochMs,
  command: z.string(),
});
export const MemberAction = z.strictObject({
  action: z.enum(["drain", "recall", "resume", "revoke-invitation", "revoke-site"]),
  /** Needed for `revoke-site`. */
  site: z.string().max(128).optional(),
  /** With `recall`: only these, by patterns such as `node-1`, `node-1/gpu0`, `gpu-*`. */
  devices: z.array(z.string().min(1).max(384)).min(1).max(LIMITS.OFFER_LABELS_MAX).optional(),
  /** Absent: what the offer grants. */
  graceMs: Count.max(LIMITS.RECALL_GRACE_MAX_MS).optional(),
});

export const JoinRequest = z.strictObject({
  joinToken: z.string().max(4_096),
  /** SPKI, DER, base64. */
  publicKey: z.string().max(1_024),
  engine: Name,
});
export const JoinView = z.strictObject({
  siteId: z.string(),
  member: z.string(),
  poolId: z.string(),
});

const Shares = z.number().int().min(1).max(1_000_000);
const Cap = Count.max(1_000_000_000).nullable();
const UserCapsChange = z
  .strictObject({
    maxAccelerators: Cap.describe("Accelerators held at one time; null: no cap"),
    maxRunningJobs: Cap.describe("Jobs that run at one time; null: no cap"),
    maxQueuedJobs: Cap.describe("Jobs that wait; more are refused; null: no cap"),
  })
  .partial();
const CapsChange = UserCapsChange.extend({
  perUser: UserCapsChange.optional().describe("The same for each single user in it"),
});
const UserCapsView = z
  .strictObject({ maxAccelerators: Count, maxRunningJobs: Count, maxQueuedJobs: Count })
  .partial();
const CapsView = UserCapsView.extend({ perUser: UserCapsView.optional() });

export const ProjectRequest = z.strictObject({
  name: Name,
  parent: Name.optional(),
  shares: Shares.default(1),
});
/** What changes; all else stays. */
export const ProjectChange = z
  .strictObject({
    parent: Name.nullable().describe("The project that it is a part of; null: none"),
    shares: Shares.describe("Its weight among its neighbours"),
    caps: CapsChange.describe("What it may have at one time, with all that is below it"),
  })
  .partial();
export const ProjectView = z.strictObject({
  name: z.string(),
  parent: z.string().nullable(),
  shares: Count,
  /** Decayed device-milliseconds that fair share remembers. */
  usage: z.number(),
  /** Of that, what its owner's machines made up for by what they served. */
  credit: z.number(),
  /** Absent: it may have as much as there is. */
  caps: CapsView.optional(),
  jobsQueued: Count,
  jobsRunning: Count,
});

export const UsageQuery = z.strictObject({
  member: Name.optional(),
  project: Name.optional(),
  fromMs: z.coerce.number().int().nonnegative().optional(),
  toMs: z.coerce.number().int().nonnegative().optional(),
});
export const StatementLine = z.strictObject({
  member: z.string(),
  project: z.string(),
  jobId: z.string(),
  jobName: z.string(),
  /** Name of the user who submitted the job. */
  user: z.string().optional(),
  kind: z.enum(["batch", "run"]),
  attempts: Count,
  deviceMs: Count,
  cpuMs: Count,
  tokens: Count,
  rounds: Count,
  bytesUp: Count,
  bytesDown: Count,
  microCredits: z.number().int(),
});
export type StatementLine = z.infer<typeof StatementLine>;
export const StatementView = z.strictObject({
  nowMs: EpochMs,
  fromMs: EpochMs.optional(),
  toMs: EpochMs.optional(),
  lines: z.array(StatementLine),
  totals: z.strictObject({
    deviceMs: Count,
    cpuMs: Count,
    tokens: Count,
    bytesUp: Count,
    bytesDown: Count,
    microCredits: z.number().int(),
  }),
});
export type StatementView = z.infer<typeof StatementView>;

export const EventsQuery = z.strictObject({
  after: z.coerce.number().int().nonnegative().optional(),
  types: z.string().max(500).optional(),
});
export const EventWire = z.strictObject({
  seq: Count,
  atMs: EpochMs,
  type: z.string(),
  data: z.unknown(),
});
export type EventWire = z.infer<typeof EventWire>;

export const JobsQuery = PageQuery.extend({
  state: z.enum(["queued", "active", "ended", "all"]).default("all"),
  project: Name.optional(),
  member: Name.optional(),
  arrayId: z.string().max(20).optional(),
});

export const BlobStat = z.strictObject({ digest: Digest, bytes: Count });
