// Reservations of operators, read from the state: who may use one, what runs into its window, and
// its words. The scheduler's snapshot, the decisions in reservations.ts and the server's views ask
// here. Nothing is changed.
import type { KeptPart, Reservation } from "../pool/index.ts";
import { RESERVED_LEAD_MS, type ReservationView } from "../scheduler/index.ts";
import { moment } from "./lending.ts";
import { theJob, theLease, theMember } from "./lookup.ts";
import { isWithin, userName } from "./rights.ts";
import type { JobState, LeaseState, State } from "./state.ts";

interface Whose {
  readonly project: string | null;
  readonly user: string | null;
}

/** True if a job may use what is kept. */
export const mayUse = (state: State, { project, user }: Whose, { spec }: JobState): boolean =>
  (project === null || isWithin(state, spec.project, project)) &&
  (user === null || spec.user === user);

/** A lease of somebody else that may reach into the window; undefined if it is none. */
export function lateLease(
  state: State,
  leaseId: string,
  asked: Whose & { readonly fromMs: number },
  atMs: number,
): (LeaseState & { readonly endsAtMs: number }) | undefined {
  const held = theLease(state, leaseId);
  const { lease, startedAtMs, stop } = held;
  if (mayUse(state, asked, theJob(state, lease.jobId))) return undefined;
  const limitMs = (startedAtMs ?? lease.grantedAtMs) + lease.walltimeMs;
  const endsAtMs = stop === null ? limitMs : Math.min(limitMs, atMs + stop.graceMs);
  return endsAtMs > asked.fromMs - RESERVED_LEAD_MS ? { ...held, endsAtMs } : undefined;
}

/** A lease of somebody else on what is kept, which may reach into the window. */
export interface Overlap {
  readonly leaseId: string;
  readonly jobId: string;
  readonly endsAtMs: number;
}

/** What runs on kept machines and may still be there when the window begins. */
export function overlapsOf(state: State, reservation: Reservation, atMs: number): Overlap[] {
  const overlaps: Overlap[] = [];
  const bySite = Map.groupBy(reservation.kept, ({ siteId }) => siteId);
  for (const [siteId, parts] of bySite) {
    for (const leaseId of state.sites.get(siteId)?.openLeases ?? []) {
      const late = lateLease(state, leaseId, reservation, atMs);
      if (late === undefined || !meets(late, parts, reservation)) continue;
      overlaps.push({ leaseId, jobId: late.lease.jobId, endsAtMs: late.endsAtMs });
    }
  }
  return overlaps;
}

const meets = ({ lease }: LeaseState, parts: readonly KeptPart[], { unit }: Reservation): boolean =>
  lease.placements.some((placement) =>
    parts.some(
      ({ node, acceleratorIds }) =>
        node === placement.node &&
        (unit === "nodes" || placement.acceleratorIds.some((id) => acceleratorIds.includes(id))),
    ),
  );

/** `reservation r-3 of project lab from 2026-03-02 07:00 UTC to ...`. */
export function reservationText(state: State, reservation: Reservation): string {
  const { reservationId, project, user, fromMs, toMs } = reservation;
  const whose = [
    ...(project === null ? [] : [`project ${project}`]),
    ...(user === null ? [] : [`user ${userName(state, user)}`]),
  ].join(", ");
  return `reservation ${reservationId} of ${whose} from ${moment(fromMs)} to ${moment(toMs)}`;
}

/** True if the site is here, lends, and has the node with its accelerators. */
export function isKeptHere(state: State, { siteId, node, acceleratorIds }: KeptPart): boolean {
  const site = state.sites.get(siteId);
  const found = site?.nodes.find(({ name }) => name === node);
  if (site?.state !== "here" || found === undefined) return false;
  if (theMember(state, site.member).standing !== "active") return false;
  return acceleratorIds.every((id) => found.accelerators.some((one) => one.id === id));
}

/** What the scheduler is told. */
export const reservationViews = (state: State): ReservationView[] =>
  [...state.reservations.values()].map(({ reservation }) => {
    const { reservationId, project, user, fromMs, toMs, unit, kept } = reservation;
    const text = reservationText(state, reservation);
    const wholeNodes = unit === "nodes";
    return { reservationId, project, user, fromMs, toMs, wholeNodes, kept, text };
  });
