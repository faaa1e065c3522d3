// Reservations: capacity that operators keep for a project or a user. Who may is the endpoint's
// permission: it is about the whole pool.
import { MACHINE_OPERATOR } from "@tequio/core/controller";
import { ok } from "@tequio/core/pool";
import { reservationViews } from "../../views/reservations.ts";
import { refuseUnless } from "../may.ts";
import { type Handlers, userOf } from "../table.ts";
import { findUser } from "./people.ts";

export const reservationHandlers: Handlers<
  "listReservations" | "createReservation" | "cancelReservation"
> = {
  listReservations: ({ context }) =>
    ok({ rows: reservationViews(context.pump.state, context.now()) }),

  async createReservation({ context, caller, body }) {
    const refused = refuseUnless(context, caller, "pool.change");
    if (refused !== undefined) return refused;
    const { pump } = context;
    const { project, user, accelerators, nodes, kind, model, member, site } = body;
    let userId: string | null = null;
    if (user === MACHINE_OPERATOR) userId = MACHINE_OPERATOR;
    else if (user !== undefined) {
      const found = findUser(pump.state, user);
      if (!found.ok) return found;
      userId = found.value.userId;
    }
    const amount =
      nodes === undefined
        ? { unit: "accelerators" as const, count: accelerators! }
        : { unit: "nodes" as const, count: nodes };
    const { fromMs, toMs, reason } = body;
    const made = await pump.submit({
      ...{ type: "createReservation", by: userOf(caller), project: project ?? null },
      ...{ user: userId, ...amount, member: member ?? null, siteId: site ?? null },
      ...(kind === undefined ? {} : { kind }),
      ...(model === undefined ? {} : { model }),
      ...{ fromMs, toMs, reason },
    });
    if (!made.ok) return made;
    const { reservationId } = made.value as { readonly reservationId: string };
    const rows = reservationViews(pump.state, context.now());
    return ok(rows.find(({ id }) => id === reservationId)!);
  },

  async cancelReservation({ context, caller, params }) {
    const refused = refuseUnless(context, caller, "pool.change");
    if (refused !== undefined) return refused;
    const { id } = params;
    const cancelled = await context.pump.submit({
      ...{ type: "cancelReservation", by: userOf(caller), reservationId: id },
    });
    return cancelled.ok ? ok({ id }) : cancelled;
  },
};
