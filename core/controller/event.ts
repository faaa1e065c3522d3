// What can happen in a pool. The journal is a list of these; the state is their fold. An event is
// a fact, never a wish: it was checked before it was written.
import type {
  ArrayPlace,
  Calibration,
  JobOutcome,
  JobSpec,
  Lease,
  LeaseEnd,
  LeaseOutcome,
  Node,
  Usage,
} from "../pool/index.ts";
import type { RunConfig, RunEvent } from "../training/index.ts";
import type { MemberStanding } from "./state.ts";

export type Event =
  | { readonly type: "pool.created"; readonly poolId: string; readonly name: string }
  /** The control plane was started again while leases were open. */
  | { readonly type: "pool.booted" }
  | {
      readonly type: "token.issued";
      readonly tokenId: string;
      readonly hash: string;
      readonly label: string;
      readonly user: string;
      readonly expiresAtMs: number | null;
    }
  | { readonly type: "token.revoked"; readonly tokenId: string }
  | {
      readonly type: "project.set";
      readonly name: string;
      readonly parent: string | null;
      readonly shares: number;
    }
  | {
      readonly type: "member.invited";
      readonly name: string;
      readonly secretHash: string;
      readonly expiresAtMs: number;
    }
  | { readonly type: "invitation.revoked"; readonly name: string }
  | {
      readonly type: "member.changed";
      readonly name: string;
      readonly standing: MemberStanding;
    }
  | {
      readonly type: "site.joined";
      readonly siteId: string;
      readonly member: string;
      readonly secretHash: string;
      readonly publicKey: string;
      readonly engine: string;
    }
  | { readonly type: "site.here"; readonly siteId: string; readonly agentVersion: string }
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
  | {
      readonly type: "job.submitted";
      readonly jobId: string;
      readonly spec: JobSpec;
      readonly place: ArrayPlace | null;
      readonly key: { readonly key: string; readonly digest: string } | null;
    }
  | { readonly type: "job.cancelled"; readonly jobId: string }
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
    }
  | {
      readonly type: "lease.ended";
      readonly leaseId: string;
      readonly end: LeaseEnd;
      readonly estimated: boolean;
    }
  | { readonly type: "lease.corrected"; readonly leaseId: string; readonly usage: Usage }
  | {
      readonly type: "run.prepared";
      readonly jobId: string;
      readonly config: RunConfig;
      readonly heldOutLoss: number;
    }
  | { readonly type: "run.advanced"; readonly jobId: string; readonly event: RunEvent };

export type EventType = Event["type"];
/** Every kind of event, for filters and documentation. */
export const EVENT_TYPES: readonly EventType[] = [
  "pool.created",
  "pool.booted",
  "token.issued",
  "token.revoked",
  "project.set",
  "member.invited",
  "invitation.revoked",
  "member.changed",
  "site.joined",
  "site.here",
  "site.away",
  "site.inventoried",
  "site.calibrated",
  "site.renewed",
  "job.submitted",
  "job.cancelled",
  "job.requeued",
  "job.ended",
  "lease.granted",
  "lease.starting",
  "lease.running",
  "lease.stopping",
  "lease.ended",
  "lease.corrected",
  "run.prepared",
  "run.advanced",
];
