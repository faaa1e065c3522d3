// The part of the fold that is about reservations of operators: they are made, kept elsewhere, and
// over. Who decides that is reservations.ts.
import { assert } from "../pool/index.ts";
import type { Event } from "./event.ts";
import { linesChanged } from "./queue-index.ts";
import type { State } from "./state.ts";

/** Applies an event about a reservation; false for any other. */
export function applyReservations(state: State, event: Event): boolean {
  switch (event.type) {
    case "reservation.made": {
      const { reservation, by } = event;
      const { reservationId, user } = reservation;
      assert(reservationId === `r-${state.nextReservation}`, "reservations are counted");
      state.nextReservation += 1;
      state.reservations.set(reservationId, { reservation, by: by ?? null });
      // Lines of the queue know users only where somebody asks for them.
      if (user !== null) linesChanged(state);
      return true;
    }
    case "reservation.moved": {
      const record = state.reservations.get(event.reservationId);
      assert(record !== undefined, `reservation ${event.reservationId} is known`);
      const reservation = { ...record.reservation, kept: event.kept };
      state.reservations.set(event.reservationId, { ...record, reservation });
      return true;
    }
    case "reservation.ended": {
      const record = state.reservations.get(event.reservationId);
      assert(record !== undefined, "a reservation ends once");
      state.reservations.delete(event.reservationId);
      if (record.reservation.user !== null) linesChanged(state);
      return true;
    }
    default:
      return false;
  }
}
