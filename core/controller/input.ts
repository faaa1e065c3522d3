// What the outside may tell the controller. Every input carries its time; ids, secrets' hashes and
// keys are made by the shell, since the core has no chance.
import type {
  Ageing,
  BackfillMode,
  Calibration,
  CapsChange,
  JobOutcome,
  JobSpec,
  Node,
  Offer,
  Permission,
  Reservation,
  RoleGrant,
} from "../pool/index.ts";
import type { RunInput as RoundInput } from "../training/index.ts";
import type { SiteCertificate, TokenKind, UserOrigin } from "./state.ts";

/** What an agent reports of a lease. */
export type LeaseReportKind =
  | { readonly kind: "starting" }
  | { readonly kind: "running" }
  | {
      readonly kind: "ended";
      readonly exitCode: number | null;
      readonly signal: string | null;
      readonly ranMs: number;
      readonly endedBy: "itself" | "stop" | "offer" | "deadline" | "walltime" | "lost";
      readonly message: string;
    }
  | { readonly kind: "refused"; readonly code: string; readonly message: string };

/** Round inputs that carry no time: the controller adds it. */
type Untimed<T> = T extends { readonly atMs: number } ? Omit<T, "atMs"> : T;
export type RunInput = Untimed<RoundInput>;

/** An ended job, or an array of them, that has left the state. */
export interface PastJob {
  readonly jobId: string;
  /** Of each of its tasks, or of the one job. */
  readonly outcomes: readonly JobOutcome[];
}

export type Input = {
  readonly atMs: number;
  /** Id of the user who asks for it, or `admin`; kept with the events of SIGNED_EVENTS. */
  readonly by?: string;
} & (
  | {
      readonly type: "createPool";
      readonly poolId: string;
      readonly name: string;
    }
  /** How waiting raises priorities; null: not at all. */
  | {
      readonly type: "setPool";
      /** Absent, like the next: as it is. */
      readonly ageing?: Ageing | null;
      readonly backfill?: BackfillMode;
      /** Whether leases may move so that others have room. */
      readonly moves?: boolean;
    }
  /** The control plane has started: sites must be heard from again. */
  | { readonly type: "boot" }
  | {
      readonly type: "issueToken";
      readonly tokenId: string;
      readonly hash: string;
      readonly label: string;
      /** Null: the operator of the machine. */
      readonly userId: string | null;
      /** What it may be used for at most; null: for all that its user may do. */
      readonly scopes: readonly Permission[] | null;
      readonly kind: TokenKind;
      readonly expiresAtMs: number | null;
    }
  | { readonly type: "revokeToken"; readonly tokenId: string }
  | {
      readonly type: "setUser";
      readonly userId: string;
      readonly name: string;
      readonly origin: UserOrigin;
      /** SHA-256 of the provider's issuer and subject; null for a local user. */
      readonly subjectHash: string | null;
      /** What the provider's groups stand for; absent: as it was. */
      readonly groupRoles?: readonly RoleGrant[];
    }
  | { readonly type: "disableUser"; readonly userId: string; readonly jobs: "keep" | "cancel" }
  | { readonly type: "enableUser"; readonly userId: string }
  | ({ readonly type: "grantRole"; readonly userId: string } & RoleGrant)
  | ({ readonly type: "revokeRole"; readonly userId: string } & RoleGrant)
  | {
      readonly type: "setProject";
      readonly name: string;
      /** Absent: as it was, at the top for a new one. */
      readonly parent?: string | null;
      /** Absent: as it was, 1 for a new one. */
      readonly shares?: number;
      /** What changes of its caps; absent: nothing. */
      readonly caps?: CapsChange;
    }
  | {
      readonly type: "inviteMember";
      readonly name: string;
      readonly secretHash: string;
    }
  | {
      readonly type: "changeMember";
      readonly name: string;
      readonly action: "drain" | "recall" | "resume" | "revoke-invitation" | "revoke-site";
      /** For a recall; absent: what the offer gives. */
      readonly graceMs?: number;
      /** Needed to revoke a site. */
      readonly siteId?: string;
      /** With a recall: only these, by patterns as `namesDevice` reads them. */
      readonly devices?: readonly string[];
    }
  | {
      readonly type: "setOffer";
      readonly name: string;
      /** Null: for all sites of the member that have no offer of their own. */
      readonly siteId: string | null;
      /** Null: back to the default. The version is given by the journal. */
      readonly offer: Offer | null;
      readonly ifVersion?: number;
    }
  | {
      readonly type: "planMaintenance";
      readonly name: string;
      readonly windowId: string;
      readonly siteId: string | null;
      readonly fromMs: number;
      readonly toMs: number;
      readonly reason: string;
    }
  | { readonly type: "cancelMaintenance"; readonly windowId: string }
  | ({ readonly type: "createReservation" } & Omit<Reservation, "reservationId" | "kept">)
  | { readonly type: "cancelReservation"; readonly reservationId: string }
  | {
      readonly type: "joinSite";
      readonly siteId: string;
      readonly secretHash: string;
      readonly publicKey: string;
      readonly engine: string;
    }
  | { readonly type: "proposeKey"; readonly siteId: string; readonly publicKey: string }
  | { readonly type: "changeKey"; readonly siteId: string }
  | {
      readonly type: "siteHere";
      readonly siteId: string;
      readonly agentVersion: string;
      readonly certificate?: SiteCertificate;
    }
  | { readonly type: "siteAway"; readonly siteId: string; readonly reason: string }
  /** The site is gone with all that it ran: only a browser tab can say that. */
  | { readonly type: "siteLeft"; readonly siteId: string; readonly reason: string }
  | { readonly type: "inventory"; readonly siteId: string; readonly nodes: readonly Node[] }
  | {
      readonly type: "calibration";
      readonly siteId: string;
      readonly calibration: Calibration;
    }
  | { readonly type: "heartbeat"; readonly siteId: string }
  | {
      readonly type: "report";
      readonly siteId: string;
      readonly leaseId: string;
      readonly fence: number;
      readonly report: LeaseReportKind;
    }
  | {
      readonly type: "submit";
      readonly spec: JobSpec;
      readonly array: { readonly indices: readonly number[]; readonly maxRunning: number } | null;
      /** Idempotency key and a digest of the request, if the caller gave one. */
      readonly key: { readonly key: string; readonly digest: string } | null;
      /** What became of jobs that are depended on and have left the state. */
      readonly past?: readonly PastJob[];
    }
  | { readonly type: "cancel"; readonly jobId: string }
  /** What the job did so far is safe, whatever becomes of its leases. */
  | { readonly type: "checkpoint"; readonly jobId: string }
  /** The shell has made the first model of a run and looked at its text. */
  | {
      readonly type: "prepareRun";
      readonly jobId: string;
      readonly parameters: number;
      readonly windows: number;
      readonly batchSizes: readonly number[];
      readonly modelDigest: string;
      readonly modelBlob: string;
      /** Null for a model that the pool cannot evaluate. */
      readonly heldOutLoss: number | null;
    }
  /** The shell cannot prepare the run, e.g. because its text is missing. */
  | { readonly type: "failRun"; readonly jobId: string; readonly message: string }
  | { readonly type: "run"; readonly jobId: string; readonly input: RunInput }
  /** The archive holds these: they may leave the state. */
  | {
      readonly type: "archive";
      readonly batch: number;
      readonly jobs: readonly { readonly jobId: string; readonly unsettled: number }[];
      readonly entries: number;
      readonly hours: number;
      readonly digest: string;
    }
  | { readonly type: "closeBooks"; readonly period: string; readonly digest: string }
  /** Look at the queue: sent by the pump after a batch of inputs that may have changed it. */
  | { readonly type: "schedule" }
  /** Time has passed: deadlines, time limits, rounds. */
  | { readonly type: "tick" }
);
