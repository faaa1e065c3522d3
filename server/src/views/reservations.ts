// Reservations as the API shows them: what is kept, whether it is there, and what runs into it.
import type { ReservationView } from "@tequio/contract";
import { isKeptHere, overlapsOf, type State, userName } from "@tequio/core/controller";

type Kept = ReservationView["kept"][number];

/** Reservations that are planned or under way, by their beginning. */
export function reservationViews(state: State, nowMs: number): ReservationView[] {
  const rows = [...state.reservations.values()].filter(
    ({ reservation }) => reservation.toMs > nowMs,
  );
  return rows
    .map(({ reservation, by }): ReservationView => {
      const { reservationId, project, user, unit, count, kind, model } = reservation;
      const { member, siteId, fromMs, toMs, reason } = reservation;
      return {
        id: reservationId,
        ...(project === null ? {} : { project }),
        ...(user === null ? {} : { user: userName(state, user) }),
        ...(unit === "nodes" ? { nodes: count } : { accelerators: count }),
        ...(kind === undefined ? {} : { kind }),
        ...(model === undefined ? {} : { model }),
        ...(member === null ? {} : { member }),
        ...(siteId === null ? {} : { site: siteId }),
        ...{ fromMs, toMs, reason, state: fromMs <= nowMs ? "now" : "planned" },
        ...(by === null ? {} : { by: userName(state, by) }),
        kept: reservation.kept.map(
          (part): Kept => ({
            member: state.sites.get(part.siteId)?.member ?? "",
            ...{ site: part.siteId, node: part.node, accelerators: [...part.acceleratorIds] },
            here: isKeptHere(state, part),
          }),
        ),
        overlaps: overlapsOf(state, reservation, nowMs).map(({ jobId, endsAtMs }) => ({
          ...{ jobId, endsAtMs },
        })),
      };
    })
    .sort((a, b) => a.fromMs - b.fromMs);
}
