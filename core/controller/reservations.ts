// Decisions about reservations of operators: making one, which machines it keeps, cancelling it,
// and what happens when its window begins and ends. How it holds for the queue is the scheduler's.
import {
  type KeptPart,
  LIMITS,
  type Outcome,
  ok,
  type Refusal,
  type Reservation,
  refuse,
  refuseTenant,
} from "../pool/index.ts";
import {
  chooseKept,
  type KeepAnswer,
  type NodeView,
  RESERVED_LEAD_MS,
} from "../scheduler/index.ts";
import type { Input } from "./input.ts";
import { lendingOf, offerOf, projectLine } from "./lending.ts";
import { theJob, theSite } from "./lookup.ts";
import { isKeptHere, lateLease, overlapsOf, reservationText } from "./reserved.ts";
import { MACHINE_OPERATOR } from "./rights.ts";
import type { State } from "./state.ts";
import type { Step } from "./step.ts";
import { stopLease } from "./stop.ts";
import { lentViews } from "./views.ts";

type Of<T extends Input["type"]> = Extract<Input, { readonly type: T }>;
type Asked = Omit<Reservation, "reservationId" | "kept">;

/** Makes a reservation; what is kept for it is chosen now. */
export function createReservation(step: Step, input: Of<"createReservation">): Outcome<unknown> {
  const { state, emit } = step;
  const refused = refuseAsked(step, input);
  if (refused !== undefined) return refused;
  const { project, user, unit, count, kind, model, member, siteId } = input;
  const { fromMs, toMs, reason } = input;
  const { parts, there, keptByOthers } = chosen(step.state, step.atMs, input);
  if (parts.length === 0) return tooLarge(input, there, keptByOthers);
  const reservationId = `r-${state.nextReservation}`;
  const reservation: Reservation = {
    ...{ reservationId, project, user, unit, count },
    ...(kind === undefined ? {} : { kind }),
    ...(model === undefined ? {} : { model }),
    ...{ member, siteId, fromMs, toMs, reason, kept: parts },
  };
  emit({ type: "reservation.made", reservation });
  return ok({ reservationId });
}

function refuseAsked({ state, atMs }: Step, asked: Asked): Refusal | undefined {
  const { project, user, member, siteId, fromMs, toMs } = asked;
  if (project === null && user === null) {
    const hint = "Name a project, a user, or both.";
    return refuse("INVALID_REQUEST", "The reservation is for nobody.", hint, "project");
  }
  if (project !== null && !state.projects.has(project)) {
    const hint = "List them with `tequio project list`.";
    return refuse("PROJECT_UNKNOWN", `The project ${project} does not exist.`, hint, "project");
  }
  if (user !== null && user !== MACHINE_OPERATOR && !state.users.has(user)) {
    const hint = "List them with `tequio user list`.";
    return refuse("NOT_FOUND", `There is no user ${user}.`, hint, "user");
  }
  if (member !== null && !state.members.has(member)) {
    const hint = "List them with `tequio member list`.";
    return refuse("NOT_FOUND", `There is no member ${member}.`, hint, "member");
  }
  if (siteId !== null && !state.sites.has(siteId)) {
    const hint = "List sites with `tequio member list`.";
    return refuse("NOT_FOUND", `There is no site ${siteId}.`, hint, "site");
  }
  if (toMs <= Math.max(atMs, fromMs) || toMs - fromMs > LIMITS.RESERVATION_MAX_MS) {
    const days = LIMITS.RESERVATION_MAX_MS / 86_400_000;
    const hint = `A window ends in the future, after it begins, and within ${days} days of that.`;
    return refuse("INVALID_REQUEST", "The window is over, empty or too long.", hint, "toMs");
  }
  if (state.reservations.size < LIMITS.RESERVATIONS_MAX) return undefined;
  const hint = "Cancel some first: `tequio reservation list`.";
  return refuse("TOO_MANY", `There are ${state.reservations.size} reservations.`, hint);
}

function tooLarge(asked: Asked, there: number, keptByOthers: number): Refusal {
  const { unit, count, model, kind, member, siteId } = asked;
  const what = [model ?? kind, unit].filter((word) => word !== undefined).join(" ");
  const at = siteId ?? member;
  const where = at === null ? "" : ` of ${at}`;
  const others = keptByOthers === 0 ? "" : `, and other reservations keep ${keptByOthers} more`;
  return refuse(
    "RESERVATION_TOO_LARGE",
    `${count} ${what}${where} were asked for; ${there} can be kept in that window${others}.`,
    "Machines count that are here, and lent to the project in the whole window. Ask for less.",
    unit,
  );
}

/** What is kept for it, of all that is lent in its window. */
function chosen(state: State, atMs: number, asked: Asked, but?: string): KeepAnswer {
  const { unit, count, kind, model, fromMs, toMs } = asked;
  const meets = ({ reservation }: { readonly reservation: Reservation }): boolean =>
    reservation.reservationId !== but && reservation.fromMs < toMs && fromMs < reservation.toMs;
  return chooseKept({
    ...{ unit, count },
    ...(kind === undefined ? {} : { kind }),
    ...(model === undefined ? {} : { model }),
    nodes: lentViews(state, Math.max(atMs, fromMs)).filter((view) => isLent(state, asked, view)),
    late: [...state.sites.values()].flatMap(({ openLeases }) =>
      openLeases.flatMap((leaseId) => {
        const { lease } = lateLease(state, leaseId, asked, atMs) ?? {};
        return lease === undefined ? [] : [lease];
      }),
    ),
    kept: [...state.reservations.values()].filter(meets).flatMap((one) => one.reservation.kept),
  });
}

/** True if the node's owner lends it in the whole window to those it is for. */
function isLent(state: State, asked: Asked, { siteId, member }: NodeView): boolean {
  if (asked.siteId !== null && asked.siteId !== siteId) return false;
  if (asked.member !== null && asked.member !== member) return false;
  const site = theSite(state, siteId);
  const { until } = lendingOf(state, site, Math.max(state.nowMs, asked.fromMs));
  if (until !== undefined && until.atMs < asked.toMs) return false;
  if (asked.project === null) return true;
  return refuseTenant(offerOf(state, site), projectLine(state, asked.project)) === undefined;
}

/** Cancels a reservation; one whose window has begun ends now. */
export function cancelReservation(step: Step, reservationId: string): Outcome<unknown> {
  if (step.state.reservations.has(reservationId)) {
    step.emit({ type: "reservation.ended", reservationId, why: "cancelled" });
    return ok({ reservationId });
  }
  const hint = "List them with `tequio reservation list`.";
  return refuse("NOT_FOUND", `There is no reservation ${reservationId}.`, hint);
}

/**
 * Time has passed: windows that are over leave, and what may be stopped makes way for others. True
 * if one has begun: promises to other jobs do not stand before it any more.
 */
export function tickReservations(step: Step): boolean {
  const { state, atMs } = step;
  let begun = false;
  for (const { reservation } of [...state.reservations.values()]) {
    const { reservationId, fromMs, toMs } = reservation;
    if (toMs <= atMs) {
      step.emit({ type: "reservation.ended", reservationId, why: "over" });
      continue;
    }
    if (fromMs > state.nowMs && fromMs <= atMs) begun = true;
    moveAway(step, reservation);
    if (atMs < fromMs - RESERVED_LEAD_MS) continue;
    for (const { leaseId, jobId } of overlapsOf(state, reservation, atMs)) {
      const { spec } = theJob(state, jobId);
      if (!spec.preemptible && spec.run === undefined) continue;
      stopLease(step, leaseId, "preempted", `held for ${reservationText(state, reservation)}`);
    }
  }
  return begun;
}

/** What is kept and gone for a while is kept elsewhere, if all of it is free in time there. */
function moveAway({ state, atMs, emit }: Step, reservation: Reservation): void {
  if (reservation.kept.every((part) => !isGone(state, part, atMs))) return;
  const { reservationId } = reservation;
  const tries = tried.get(state) ?? new Map<string, number>();
  tried.set(state, tries);
  if (atMs - (tries.get(reservationId) ?? -Infinity) < LIMITS.RESERVATION_MOVE_MS) return;
  tries.set(reservationId, atMs);
  const { parts } = chosen(state, atMs, reservation, reservationId);
  const moved = { ...reservation, kept: parts };
  if (parts.length === 0 || overlapsOf(state, moved, atMs).length > 0) return;
  emit({ type: "reservation.moved", reservationId, kept: parts });
}

/** When it was tried to move a reservation; not part of the state, it only saves looking. */
const tried = new WeakMap<State, Map<string, number>>();

/** A site that was just lost may be back in a moment. */
function isGone(state: State, part: KeptPart, atMs: number): boolean {
  if (isKeptHere(state, part)) return false;
  const { state: now, changedAtMs } = theSite(state, part.siteId);
  return now === "here" || atMs - changedAtMs >= LIMITS.RESERVATION_MOVE_MS;
}
