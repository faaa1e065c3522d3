// One step of the controller: an input comes in, events come out, and the state has followed them.
// Pure in effects: time and ids are in the input, nothing is read, written or awaited. If the
// events cannot be made durable, the caller throws the state away and folds the journal again.
import { type Outcome, ok } from "../pool/index.ts";
import type { Plan } from "../scheduler/index.ts";
import { apply } from "./apply.ts";
import { checkpoint } from "./checkpoints.ts";
import type { Event } from "./event.ts";
import { archive, closeBooks } from "./history.ts";
import type { Input } from "./input.ts";
import { report } from "./leases.ts";
import {
  changeMember,
  createPool,
  inviteMember,
  joinSite,
  setPool,
  setProject,
} from "./members.ts";
import { cancelMaintenance, planMaintenance, setOffer, tickOffers } from "./offers.ts";
import {
  disableUser,
  enableUser,
  grantRole,
  issueToken,
  revokeRole,
  revokeToken,
  setUser,
} from "./people.ts";
import { cancelReservation, createReservation, tickReservations } from "./reservations.ts";
import { maySoonGrow, tickResizes } from "./resizing.ts";
import { advanceRun, failRun, prepareRun, tickRuns } from "./runs.ts";
import { runSchedule } from "./schedule.ts";
import { changeKey, proposeKey } from "./site-keys.ts";
import { boot, heartbeat, inventory, siteAway, siteHere, siteLeft, tickSites } from "./sites.ts";
import type { State } from "./state.ts";
import { cancel, submit, tickJobs } from "./submit.ts";

/** What decisions are made with: the state as it is now, and the way to change it. */
export interface Step {
  readonly state: State;
  readonly atMs: number;
  /** Applies the event at once and keeps it for the journal. */
  readonly emit: (event: Event) => void;
}

export interface StepResult {
  /** What the caller of the API is told. */
  readonly outcome: Outcome<unknown>;
  readonly events: readonly Event[];
  /** True if the queue should be looked at: the pump sends a `schedule` input soon. */
  readonly wantsSchedule: boolean;
  /** The plan of a `schedule` input, for showing reasons; it is not part of the state. */
  readonly plan?: Plan;
}

/** Events after which another job might start. */
const OPENS_QUEUE: ReadonlySet<Event["type"]> = new Set([
  "job.submitted",
  "array.submitted",
  "job.requeued",
  "job.ended",
  "lease.ended",
  "site.here",
  "site.inventoried",
  "member.changed",
  "member.offered",
  "member.maintenanceCancelled",
  "reservation.made",
  "reservation.moved",
  "reservation.ended",
  "project.set",
  "pool.set",
  "run.prepared",
]);

/** Events that say who asked for them, so that an auditor sees who let whom do what. */
export const SIGNED_EVENTS: ReadonlySet<Event["type"]> = new Set([
  "pool.set",
  "token.issued",
  "token.revoked",
  "user.set",
  "user.disabled",
  "user.enabled",
  "role.granted",
  "role.revoked",
  "project.set",
  "member.invited",
  "invitation.revoked",
  "member.changed",
  "member.offered",
  "member.devicesRecalled",
  "member.maintenancePlanned",
  "member.maintenanceCancelled",
  "reservation.made",
  "reservation.ended",
  "job.cancelled",
]);

/** Takes one input; changes `state` by the returned events and by nothing else. */
export function step(state: State, input: Input): StepResult {
  const events: Event[] = [];
  // Whole milliseconds that never go back: the books count in them.
  const atMs = Math.max(Math.floor(input.atMs), state.nowMs);
  let wantsSchedule = false;
  const { by } = input;
  const emit = (plain: Event): void => {
    const event =
      by !== undefined && SIGNED_EVENTS.has(plain.type) ? ({ ...plain, by } as Event) : plain;
    apply(state, event, atMs);
    events.push(event);
    if (OPENS_QUEUE.has(event.type) || maySoonGrow(state, event)) wantsSchedule = true;
  };
  const context: Step = { state, atMs, emit };
  if (input.type === "schedule") {
    const plan = runSchedule(context);
    return { outcome: ok(undefined), events, wantsSchedule: false, plan };
  }
  if (input.type === "tick") {
    tickSites(context);
    const opened = tickOffers(context);
    const begun = tickReservations(context);
    const free = tickJobs(context);
    const grows = tickResizes(state, atMs);
    tickRuns(context);
    return {
      outcome: ok(undefined),
      events,
      wantsSchedule: wantsSchedule || free || opened || begun || grows,
    };
  }
  const outcome = decide(context, input);
  return { outcome, events, wantsSchedule };
}

type Timer = Extract<Input, { type: "schedule" | "tick" }>;

function decide(context: Step, input: Exclude<Input, Timer>): Outcome<unknown> {
  switch (input.type) {
    case "createPool":
      return createPool(context, input);
    case "setPool":
      return setPool(context, input);
    case "boot":
      return boot(context);
    case "issueToken":
      return issueToken(context, input);
    case "revokeToken":
      return revokeToken(context, input.tokenId);
    case "setUser":
      return setUser(context, input);
    case "disableUser":
      return disableUser(context, input);
    case "enableUser":
      return enableUser(context, input.userId);
    case "grantRole":
      return grantRole(context, input);
    case "revokeRole":
      return revokeRole(context, input);
    case "setProject":
      return setProject(context, input);
    case "inviteMember":
      return inviteMember(context, input);
    case "changeMember":
      return changeMember(context, input);
    case "setOffer":
      return setOffer(context, input);
    case "planMaintenance":
      return planMaintenance(context, input);
    case "cancelMaintenance":
      return cancelMaintenance(context, input);
    case "createReservation":
      return createReservation(context, input);
    case "cancelReservation":
      return cancelReservation(context, input.reservationId);
    case "joinSite":
      return joinSite(context, input);
    case "proposeKey":
      return proposeKey(context, input.siteId, input.publicKey);
    case "changeKey":
      return changeKey(context, input.siteId);
    case "siteHere":
      return siteHere(context, input.siteId, input.agentVersion, input.certificate);
    case "siteAway":
      return siteAway(context, input.siteId, input.reason);
    case "siteLeft":
      return siteLeft(context, input.siteId, input.reason);
    case "inventory":
      return inventory(context, input.siteId, input.nodes);
    case "calibration":
      context.emit({
        type: "site.calibrated",
        siteId: input.siteId,
        calibration: input.calibration,
      });
      return ok(undefined);
    case "heartbeat":
      return heartbeat(context, input.siteId);
    default:
      return decideWork(context, input);
  }
}

type Work = Extract<
  Input,
  {
    type:
      | ("report" | "submit" | "cancel" | "checkpoint" | "prepareRun" | "failRun" | "run")
      | ("archive" | "closeBooks");
  }
>;

/** About jobs, runs and the books. */
function decideWork(context: Step, input: Work): Outcome<unknown> {
  switch (input.type) {
    case "report":
      return report(context, input);
    case "submit":
      return submit(context, input);
    case "cancel":
      return cancel(context, input.jobId);
    case "checkpoint":
      return checkpoint(context, input.jobId);
    case "prepareRun":
      return prepareRun(context, input);
    case "failRun":
      return failRun(context, input.jobId, input.message);
    case "run":
      return advanceRun(context, input.jobId, input.input);
    case "archive":
      return archive(context, input);
    case "closeBooks":
      return closeBooks(context, input);
    default:
      return input satisfies never;
  }
}
