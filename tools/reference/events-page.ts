// events.md: every event of the journal with its fields, from the types in core. What an event
// means is written here; the compiler asks for a sentence when an event is added.
import type { EventType } from "@tequio/core/controller";
import type { RunEvent } from "@tequio/core/training";
import { code, type Page, page, table, wrap } from "./markdown.ts";
import { type Field, type Sources, variantsOf } from "./source.ts";

const EVENT_FILE = "core/controller/event.ts";
const RUN_FILES = ["core/training/round/messages.ts", "core/training/codes.ts"];

/** Files that this page reads. */
export const EVENT_SOURCES: readonly string[] = [EVENT_FILE, ...RUN_FILES];

const MEANS: Readonly<Record<EventType, string>> = {
  "pool.created": "The first event: the pool exists.",
  "pool.set": "Settings of the pool were changed.",
  "pool.booted": "The control plane was started again while leases were open.",
  "token.issued": "An API token was made; only its hash is kept.",
  "token.revoked": "An API token is no longer good.",
  "user.set": "A user was made, renamed, or signed in with other groups.",
  "user.disabled": "The user may do nothing any more; its tokens were revoked before.",
  "user.enabled": "The user may sign in again.",
  "role.granted": "A user was given a role in the pool.",
  "role.revoked": "A role that was granted in the pool was taken back.",
  "project.set": "A project was made, or its parent or shares changed.",
  "member.invited": "A join token was made for a member; only its hash is kept.",
  "invitation.revoked": "The member's open join token is no longer good.",
  "member.changed": "A member was drained, recalled or resumed.",
  "member.offered": "A member or one of its sites lends something else, or on other terms.",
  "member.devicesRecalled": "A member took some of its devices back.",
  "member.maintenancePlanned": "A time was planned in which machines are not used.",
  "member.maintenanceCancelled": "A maintenance window was cancelled, or ended before its time.",
  "reservation.made": "An operator keeps machines for a project or a user in a time window.",
  "reservation.moved": "Machines of a reservation had gone: it keeps others instead.",
  "reservation.ended": "A reservation was cancelled, or its window is over.",
  "site.joined": "An agent exchanged a join token for a site under its own key.",
  "site.here": "The site's agent is connected and has proved its key.",
  "site.away": "The site was not heard from, or the control plane was restarted.",
  "site.inventoried": "What the site has now.",
  "site.calibrated": "What was measured at the site and on its link.",
  "site.renewed": "The site may run its leases until then.",
  "site.revoked": "An operator took the site's right to connect away, for good.",
  "site.keyProposed": "The site proved to have a new key; the old one is good, too.",
  "site.keyChanged": "The site signed with its new key; the old one is worthless.",
  "job.submitted": "A job was accepted.",
  "array.submitted": "All tasks of an array were accepted, as jobs `ARRAY_INDEX`.",
  "job.cancelled": "Somebody asked for the end of a job.",
  "job.requeued": "A job waits again after a lease that did not complete it.",
  "job.ended": "A job is over for good.",
  "lease.granted": "A job may use these accelerators; with the reason why there.",
  "lease.starting": "The site has the lease and starts its tasks.",
  "lease.running": "Its tasks run.",
  "lease.stopping": "The lease was asked to stop, and what its end will count as.",
  "lease.ended": "The lease is over, with what it used; estimated until the site reports.",
  "lease.checkpointed": "The job said that its work up to this moment is safe.",
  "lease.corrected": "The site reported the true usage of a lease that had been estimated.",
  "run.prepared": "The first model of a run is there; from now on it takes sites.",
  "history.archived":
    "Ended jobs and lines of the books have left the state; the archive held them before.",
  "books.closed": "A month of the books is over: its totals, under this digest, never change.",
  "run.advanced": "The round machine of a run decided something; see below.",
};

const RUN_MEANS: Readonly<Record<RunEvent["type"], string>> = {
  "site.joined": "A site takes part.",
  "site.refused": "The run has no place for the site.",
  "site.left": "A site went away.",
  "site.dropped": "A site's stretch is void; its data go to others.",
  "round.opened": "A round begins: who trains what, from which model.",
  "site.assigned": "A site joins the open round.",
  "contribution.accepted": "A site's contribution waits for the merge.",
  "contribution.refused": "A contribution does not count, and why.",
  "round.quorum": "Enough contributions are there; the others get a grace.",
  "round.closing": "The aggregator is to decode, clip, gate, merge and step.",
  "aggregation.failed": "Merging failed; when it is tried again.",
  "round.merged": "The next model is there, with one row for each contribution.",
  "round.abandoned": "Everybody left before anything was offered.",
  "site.quarantined": "The site's contributions have weight 0 for now.",
  "site.readmitted": "The site's contributions count again.",
  "run.paused": "No round is opened until somebody resumes the run.",
  "run.resumed": "The run goes on.",
  "run.stopping": "Somebody asked for the end; the open round is merged first.",
  "run.finished": "The run is over, and which of its ends was reached.",
};

const fieldText = ({ name, type, optional }: Field): string =>
  `\`${name}${optional ? "?" : ""}: ${type}\``;

function rowsOf(
  variants: ReadonlyMap<string, readonly Field[]>,
  means: Readonly<Record<string, string>>,
): readonly (readonly string[])[] {
  return [...variants].map(([type, fields]) => {
    const meaning = means[type];
    if (meaning === undefined) throw new Error(`Invariant broken: ${type} has a meaning`);
    const shown = fields.filter((field) => field.name !== "atMs").map(fieldText);
    return [code(type), meaning, shown.join("<br>")];
  });
}

/** events.md: the journal's vocabulary. */
export function eventsPage(sources: Sources): Page {
  const head = ["event", "means", "fields"];
  return page("events.md", "Events", EVENT_SOURCES, [
    wrap(
      "The journal is a list of these, and the state of the pool is their fold. An event is a " +
        "fact or a decision, never a wish. Each record carries a sequence number `seq`, its time " +
        "`atMs` in milliseconds since 1970, and the hash of the record before it. " +
        "`GET /v1/events` sends them as they are written, a few of them without the fields that " +
        "are nobody's business (hashes of secrets).",
    ),
    wrap(
      "Shapes may gain fields; they do not change otherwise, so an old journal stays readable " +
        "([decision 0002](../decisions/0002-events-are-folded-decisions-are-not-replayed.md)).",
    ),
    table(head, rowsOf(variantsOf(sources, "Event", [EVENT_FILE]), MEANS)),
    "## Inside `run.advanced`",
    wrap("Every decision of the round machine; each also has its own `atMs`."),
    table(head, rowsOf(variantsOf(sources, "RunEvent", RUN_FILES), RUN_MEANS)),
  ]);
}
