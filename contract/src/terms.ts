// What an agent is told of its site's offer, so that it can refuse and stop by itself what is
// outside of it. Everything is worked out as far as the agent cannot: the hours carry their zone's
// offsets, and projects are listed with those under them.
import { z } from "zod";
import { Count, EpochMs } from "./primitives.ts";

const Hours = z.strictObject({
  zone: z.string(),
  windows: z.array(z.string()),
  spans: z.array(z.strictObject({ from: Count, to: Count })),
  offsets: z.array(z.strictObject({ fromMs: z.number(), minutes: z.number().int() })).min(1),
});

const DeviceRule = z.strictObject({
  node: z.string().optional(),
  kind: z.enum(["cpu", "gpu"]).optional(),
  model: z.string().optional(),
  count: Count.optional(),
});

/** The terms on which a site lends now. */
export const TermsWire = z.strictObject({
  devices: z.array(DeviceRule),
  hours: Hours.nullable(),
  /** Names of all projects that may run here; null: every one. */
  projects: z.array(z.string()).nullable(),
  walltimeMs: Count.nullable(),
  /** Only where jobs may have parts of one GPU: older agents do not know it. */
  shareAccelerators: z.literal(true).optional(),
  /** Only where the owner has set bounds: older agents do not know them. */
  bandwidth: z
    .array(
      z.strictObject({
        upMbitPerS: z.number().nonnegative().optional(),
        downMbitPerS: z.number().nonnegative().optional(),
        hours: Hours.nullable(),
      }),
    )
    .optional(),
  recallGraceMs: Count,
  /** Everything was taken back. */
  recalled: z.boolean(),
  recalledDevices: z.array(z.string()),
  maintenance: z.array(z.strictObject({ fromMs: EpochMs, toMs: EpochMs, reason: z.string() })),
});
export type TermsWire = z.infer<typeof TermsWire>;

/** From the pool to the agent, after the welcome and with every change. */
export const TermsMessage = z.strictObject({
  type: z.literal("terms"),
  /** The pool's clock when this was sent. */
  nowMs: EpochMs,
  terms: TermsWire,
});
export type TermsMessage = z.infer<typeof TermsMessage>;
