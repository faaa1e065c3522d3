// Messages between a site agent and the pool's gateway, over one WebSocket that the agent opens.
// Every message may be sent again after a cut; both ends are idempotent. The pool states what
// leases a site should hold (level, not edge), the agent reports what became of them.
import { z } from "zod";
import { CalibrationWire, NodeWire } from "./pool.ts";
import { Count } from "./primitives.ts";
import { TermsMessage } from "./terms.ts";

export * from "./gateway-texts.ts";

const PlacementWire = z.strictObject({
  node: z.string(),
  acceleratorIds: z.array(z.string()),
  /** Thousandths of the one accelerator; absent: all of each. */
  partMilli: Count.optional(),
  milliCpu: Count,
  memoryMiB: Count,
});

/** Everything that an agent needs to start a lease. */
export const LeaseStartWire = z.strictObject({
  walltimeMs: Count,
  project: z.string(),
  user: z.string(),
  jobName: z.string(),
  tasks: z.array(
    z.strictObject({
      group: z.string(),
      command: z.array(z.string()),
      env: z.record(z.string(), z.string()),
      placement: PlacementWire,
      /** Only what the job asked for: an agent has its own defaults. */
      limits: z.strictObject({ processes: Count.optional(), diskMiB: Count.optional() }).optional(),
    }),
  ),
  /** Lets the tasks speak to the pool for this lease only, as TEQUIO_TOKEN. */
  taskToken: z.string(),
});

export const LeaseOrder = z.strictObject({
  leaseId: z.string(),
  jobId: z.string(),
  attempt: Count,
  fence: Count,
  want: z.enum(["run", "stop"]),
  /** Present when `want` is `run`. */
  start: LeaseStartWire.optional(),
  /** Present when `want` is `stop`. */
  stop: z.strictObject({ reason: z.string(), graceMs: Count }).optional(),
});
export type LeaseOrder = z.infer<typeof LeaseOrder>;

/** From the pool to the agent. */
export const ToAgent = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("challenge"), nonce: z.string(), poolId: z.string() }),
  z.strictObject({
    type: z.literal("welcome"),
    siteId: z.string(),
    member: z.string(),
    heartbeatMs: Count,
    /** Bearer token for link probes over HTTP. */
    siteToken: z.string(),
  }),
  /** The right to run until the heartbeat's own time plus `leaseForMs`, by the agent's clock. */
  z.strictObject({ type: z.literal("heartbeatAck"), clockMs: z.number(), leaseForMs: Count }),
  /** Leases the site should hold; with `complete`, any other lease there must be stopped. */
  z.strictObject({
    type: z.literal("leases"),
    complete: z.boolean(),
    orders: z.array(LeaseOrder),
  }),
  TermsMessage,
  /** The key is good beside the old one; the old one is dropped when the site signs with it. */
  z.strictObject({ type: z.literal("keyTaken"), publicKey: z.string() }),
  z.strictObject({ type: z.literal("ack"), reportIds: z.array(z.string()) }),
  z.strictObject({
    type: z.literal("logAck"),
    leaseId: z.string(),
    task: Count,
    nextOffset: Count,
  }),
  z.strictObject({ type: z.literal("refused"), code: z.string(), message: z.string() }),
]);
export type ToAgent = z.infer<typeof ToAgent>;

/** What became of a lease. Sent until the pool acknowledged it, kept on disk until then. */
export const LeaseReport = z.strictObject({
  reportId: z.string(),
  leaseId: z.string(),
  fence: Count,
  event: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("starting") }),
    z.strictObject({ kind: z.literal("running") }),
    z.strictObject({
      kind: z.literal("ended"),
      exitCode: z.number().int().nullable(),
      signal: z.string().nullable(),
      ranMs: Count,
      /** `offer`: the agent stopped it by itself, because the owner's terms asked for it. */
      endedBy: z.enum(["itself", "stop", "offer", "deadline", "walltime", "lost"]),
      message: z.string().max(2_000),
    }),
    z.strictObject({
      kind: z.literal("refused"),
      code: z.string(),
      message: z.string().max(2_000),
    }),
  ]),
});
export type LeaseReport = z.infer<typeof LeaseReport>;

/** From the agent to the pool. */
export const ToPool = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("hello"),
    protocol: z.number().int(),
    siteId: z.string(),
    /** Ed25519 over `tequio-gateway-1\n` + poolId + `\n` + siteId + `\n` + nonce, base64. */
    signature: z.string(),
    agentVersion: z.string(),
  }),
  z.strictObject({
    type: z.literal("newKey"),
    /** SPKI, DER, base64. */
    publicKey: z.string().max(1_024),
    /** By the new key over `newKeyText`, base64: the site has it. */
    signature: z.string().max(1_024),
  }),
  z.strictObject({ type: z.literal("inventory"), nodes: z.array(NodeWire) }),
  z.strictObject({ type: z.literal("calibration"), calibration: CalibrationWire }),
  /** `clockMs` is the agent's own monotonic clock; the pool only sends it back. */
  z.strictObject({ type: z.literal("heartbeat"), clockMs: z.number() }),
  z.strictObject({ type: z.literal("reports"), reports: z.array(LeaseReport) }),
  z.strictObject({
    type: z.literal("log"),
    leaseId: z.string(),
    task: Count,
    offset: Count,
    data: z.string(),
    ended: z.boolean(),
    droppedBytes: Count,
  }),
]);
export type ToPool = z.infer<typeof ToPool>;
