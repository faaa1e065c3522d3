// Reservations of operators as the API shows and takes them: capacity that is kept for a project
// or a user in a window. What a reservation means is written in core/pool/reservation.ts.
import { LIMITS } from "@tequio/core/pool";
import { z } from "zod";
import { define } from "./endpoint.ts";
import { UserName } from "./people.ts";
import { Count, EpochMs, Name } from "./primitives.ts";

const Amount = z.number().int().min(1).max(LIMITS.RESERVATION_COUNT_MAX);
const SiteId = z.string().min(1).max(128);
const Id = z.string().min(1).max(64);

export const ReservationRequest = z
  .strictObject({
    /** For jobs of this project and those under it. */
    project: Name.optional(),
    /** For jobs of this user; together with a project: only in that. */
    user: UserName.optional(),
    /** So many accelerators, or so many whole nodes: one of the two. */
    accelerators: Amount.optional(),
    nodes: Amount.optional(),
    kind: z.enum(["cpu", "gpu"]).optional(),
    /** Product name, or its first words. */
    model: z.string().min(1).max(128).optional(),
    /** Only machines of this member, or of this site. */
    member: Name.optional(),
    site: SiteId.optional(),
    fromMs: EpochMs,
    toMs: EpochMs,
    reason: z.string().max(200).default(""),
  })
  .refine(({ fromMs, toMs }) => toMs > fromMs, {
    path: ["toMs"],
    message: "a window ends after it begins",
  })
  .refine(({ accelerators, nodes }) => (accelerators === undefined) !== (nodes === undefined), {
    path: ["accelerators"],
    message: "either accelerators or whole nodes are kept",
  })
  .refine(({ project, user }) => project !== undefined || user !== undefined, {
    path: ["project"],
    message: "it is kept for a project, a user or both",
  });

export const ReservationView = z.strictObject({
  id: z.string(),
  project: z.string().optional(),
  user: z.string().optional(),
  accelerators: Count.optional(),
  nodes: Count.optional(),
  kind: z.enum(["cpu", "gpu"]).optional(),
  model: z.string().optional(),
  member: z.string().optional(),
  site: z.string().optional(),
  fromMs: EpochMs,
  toMs: EpochMs,
  reason: z.string(),
  state: z.enum(["planned", "now"]),
  /** Who made it. */
  by: z.string().optional(),
  /** What is kept, node by node; `here` is false for machines that are away or were taken out. */
  kept: z.array(
    z.strictObject({
      ...{ member: z.string(), site: z.string(), node: z.string() },
      ...{ accelerators: z.array(z.string()), here: z.boolean() },
    }),
  ),
  /** Jobs of others that run there and may reach into the window. */
  overlaps: z.array(z.strictObject({ jobId: z.string(), endsAtMs: EpochMs })),
});
export type ReservationView = z.infer<typeof ReservationView>;

export const RESERVATION_ENDPOINTS = define({
  listReservations: {
    method: "GET",
    path: "/v1/reservations",
    summary: "Reservations that are planned or under way, by their beginning",
    callers: ["person"],
    permission: "pool.read",
    reply: z.strictObject({ rows: z.array(ReservationView) }),
  },
  createReservation: {
    method: "POST",
    path: "/v1/reservations",
    summary: "Keep capacity for a project or a user in a time window",
    callers: ["person"],
    permission: "pool.change",
    body: ReservationRequest,
    reply: ReservationView,
    status: 201,
  },
  cancelReservation: {
    method: "DELETE",
    path: "/v1/reservations/:id",
    summary: "Cancel a reservation, or end one whose window has begun",
    callers: ["person"],
    permission: "pool.change",
    params: z.strictObject({ id: Id }),
    reply: z.strictObject({ id: z.string() }),
  },
});
