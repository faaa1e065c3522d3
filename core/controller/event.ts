// What can happen in a pool. The journal is a list of these; the state is their fold. An event is
// a fact, never a wish: it was checked before it was written. Where somebody asked for it, `by` is
// the id of the user, or `admin` for the operator of the machine.
import type {
  Ageing,
  ArrayPlace,
  BackfillMode,
  Calibration,
  JobOutcome,
  JobSpec,
  KeptPart,
  Lease,
  LeaseEnd,
  LeaseOutcome,
  Node,
  Offer,
  Permission,
  Placement,
  ProjectCaps,
  Reservation,
  Role,
  RoleGrant,
  Usage,
} from "../pool/index.ts";
import type { RunConfig, RunEvent } from "../training/index.ts";
import type { MemberStanding, SiteCertificate, TokenKind, UserOrigin } from "./state.ts";

export type Event =
  | { readonly type: "pool.created"; readonly poolId: string; readonly name: string }
  /** Settings of the pool as they hold from now on. */
  | {
      readonly type: "pool.set";
      /** Absent, like the next: as it was. */
      readonly ageing?: Ageing | null;
      readonly backfill?: BackfillMode;
      readonly moves?: boolean;
      readonly by?: string;
    }
  /** The control plane was started again while leases were open. */
  | { readonly type: "pool.booted" }
  | {
      readonly type: "token.issued";
      readonly tokenId: string;
      readonly hash: string;
      readonly label: string;
      readonly expiresAtMs: number | null;
      /** Absent, like the next two, in the first journals: a token of the machine's operator. */
      readonly userId?: string | null;
      readonly scopes?: readonly Permission[] | null;
      readonly kind?: TokenKind;
      readonly by?: string;
    }
  | { readonly type: "token.revoked"; readonly tokenId: string; readonly by?: string }
  | {
      readonly type: "user.set";
      readonly userId: string;
      readonly name: string;
      readonly origin: UserOrigin;
      readonly subjectHash: string | null;
      readonly groupRoles: readonly RoleGrant[];
      readonly by?: string;
    }
  | { readonly type: "user.disabled"; readonly userId: string; readonly by?: string }
  | { readonly type: "user.enabled"; readonly userId: string; readonly by?: string }
  | {
      readonly type: "role.granted";
      readonly userId: string;
      readonly role: Role;
      readonly scope: string | null;
      readonly by?: string;
    }
  | {
      readonly type: "role.revoked";
      readonly userId: string;
      readonly role: Role;
      readonly scope: string | null;
      readonly by?: string;
    }
  | {
      readonly type: "project.set";
      readonly name: string;
      readonly parent: string | null;
      readonly shares: number;
      /** All that hold from now on; absent: none. */
      readonly caps?: ProjectCaps;
      readonly by?: string;
    }
  | {
      readonly type: "member.invited";
      readonly name: string;
      readonly secretHash: string;
      readonly expiresAtMs: number;
      readonly by?: string;
    }
  | { readonly type: "invitation.revoked"; readonly name: string; readonly by?: string }
  | {
      readonly type: "member.changed";
      readonly name: string;
      readonly standing: MemberStanding;
      readonly by?: string;
    }
  /** What the member, or one of its sites, lends from now on; null: the default again. */
  | {
      readonly type: "member.offered";
      readonly name: string;
      readonly siteId: string | null;
      readonly offer: Offer | null;
      readonly by?: string;
    }
  /** All patterns of devices that are taken back now, until the member is resumed. */
  | {
      readonly type: "member.devicesRecalled";
      readonly name: string;
      readonly devices: readonly string[];
      readonly by?: string;
    }
  | {
      readonly type: "member.maintenancePlanned";
      readonly name: string;
      readonly windowId: string;
      readonly siteId: string | null;
      readonly fromMs: number;
      readonly toMs: number;
      readonly reason: string;
      readonly by?: string;
    }
  | {
      readonly type: "member.maintenanceCancelled";
      readonly name: string;
      readonly windowId: string;
      readonly by?: string;
    }
  /** An operator keeps capacity for a project or a user, on these machines. */
  | { readonly type: "reservation.made"; readonly reservation: Reservation; readonly by?: string }
  /** Some of its machines had gone: it keeps these instead. */
  | {
      readonly type: "reservation.moved";
      readonly reservationId: string;
      readonly kept: readonly KeptPart[];
    }
  | {
      readonly type: "reservation.ended";
      readonly reservationId: string;
      readonly why: "cancelled" | "over";
      readonly by?: string;
    }
  | {
      readonly type: "site.joined";
      readonly siteId: string;
      readonly member: string;
      readonly secretHash: string;
      readonly publicKey: string;
      readonly engine: string;
    }
  | {
      readonly type: "site.here";
      readonly siteId: string;
      readonly agentVersion: string;
      /** What its agent has shown; absent: nothing, as pools that ask for none never do. */
      readonly certificate?: SiteCertificate;
    }
  | { readonly type: "site.away"; readonly siteId: string; readonly reason: string }
  | {
      readonly type: "site.inventoried";
      readonly siteId: string;
      readonly nodes: readonly Node[];
    }
  | {
      readonly type: "site.calibrated";
      readonly siteId: string;
      readonly calibration: Calibration;
    }
  | { readonly type: "site.renewed"; readonly siteId: string; readonly leaseUntilMs: number }
  | { readonly type: "site.revoked"; readonly siteId: string; readonly by?: string }
  | { readonly type: "site.keyProposed"; readonly siteId: string; readonly publicKey: string }
  | { readonly type: "site.keyChanged"; readonly siteId: string }
  | {
      readonly type: "job.submitted";
      readonly jobId: string;
      readonly spec: JobSpec;
      readonly place: ArrayPlace | null;
      readonly key: { readonly key: string; readonly digest: string } | null;
    }
  | {
      readonly type: "array.submitted";
      readonly arrayId: string;
      readonly spec: JobSpec;
      /** One task for each, in this order. */
      readonly indices: readonly number[];
      readonly maxRunning: number;
      readonly key: { readonly key: string; readonly digest: string } | null;
    }
  | { readonly type: "job.cancelled"; readonly jobId: string; readonly by?: string }
  | { readonly type: "job.requeued"; readonly jobId: string; readonly reason: string }
  | {
      readonly type: "job.ended";
      readonly jobId: string;
      readonly outcome: JobOutcome;
      readonly exitCode: number | null;
      readonly message: string;
    }
  | { readonly type: "lease.granted"; readonly lease: Lease }
  | { readonly type: "lease.starting"; readonly leaseId: string }
  | { readonly type: "lease.running"; readonly leaseId: string }
  | {
      readonly type: "lease.stopping";
      readonly leaseId: string;
      readonly outcome: LeaseOutcome;
      readonly graceMs: number;
      readonly reason: string;
      /** Where its job goes on, on the same site, and which one has room then; absent: nowhere. */
      readonly move?: { readonly forJobId: string; readonly to: readonly Placement[] };
    }
  | {
      readonly type: "lease.ended";
      readonly leaseId: string;
      readonly end: LeaseEnd;
      readonly estimated: boolean;
    }
  | { readonly type: "lease.corrected"; readonly leaseId: string; readonly usage: Usage }
  /** The job's work up to this moment is safe. */
  | { readonly type: "lease.checkpointed"; readonly leaseId: string }
  | {
      readonly type: "run.prepared";
      readonly jobId: string;
      readonly config: RunConfig;
      readonly heldOutLoss: number | null;
    }
  | { readonly type: "run.advanced"; readonly jobId: string; readonly event: RunEvent }
  /** What is over has left the state; the archive held it before. */
  | {
      readonly type: "history.archived";
      /** 1 for the first. */
      readonly batch: number;
      readonly jobIds: readonly string[];
      /** So many of the oldest lines of the books. */
      readonly entries: number;
      readonly hours: number;
      /** SHA-256 over the digest before and what left, 64 hexadecimal digits. */
      readonly digest: string;
    }
  /** A month of the books is over and complete. */
  | {
      readonly type: "books.closed";
      /** Year and month, UTC. */
      readonly period: string;
      /** SHA-256 of its totals, 64 hexadecimal digits. */
      readonly digest: string;
    };

export type EventType = Event["type"];
/** Every kind of event, for filters and documentation. */
export const EVENT_TYPES: readonly EventType[] = [
  "pool.created",
  "pool.booted",
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
  "reservation.moved",
  "reservation.ended",
  "site.joined",
  "site.here",
  "site.away",
  "site.inventoried",
  "site.calibrated",
  "site.renewed",
  "site.revoked",
  "site.keyProposed",
  "site.keyChanged",
  "job.submitted",
  "array.submitted",
  "job.cancelled",
  "job.requeued",
  "job.ended",
  "lease.granted",
  "lease.starting",
  "lease.running",
  "lease.stopping",
  "lease.ended",
  "lease.corrected",
  "lease.checkpointed",
  "run.prepared",
  "run.advanced",
  "history.archived",
  "books.closed",
];
