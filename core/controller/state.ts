// The state of the pool: everything that is known because of the journal, and nothing else. It
// changes only in apply*.ts, by an event. Maps keep insertion order, which replay repeats, so two
// replays of one journal encode to the same bytes.
import type { LedgerState } from "../ledger/index.ts";
import { emptyLedger } from "../ledger/index.ts";
import type {
  Ageing,
  ArrayPlace,
  BackfillMode,
  Calibration,
  JobOutcome,
  JobSpec,
  Lease,
  LeaseEnd,
  LeaseOutcome,
  MaintenanceWindow,
  Node,
  Offer,
  OfferPrices,
  Permission,
  Placement,
  ProjectCaps,
  Reservation,
  RoleGrant,
} from "../pool/index.ts";
import { noObservations, type Observations, type RunHistory } from "../scheduler/index.ts";
import type { RunState as RoundMachine, SiteTotals } from "../training/index.ts";

/** `api`: made by a person for programs; `session`: made by signing in. */
export type TokenKind = "api" | "session";

export interface Token {
  readonly tokenId: string;
  readonly hash: string;
  readonly label: string;
  /** Whose it is; null: the operator of the machine. */
  readonly userId: string | null;
  /** What it may be used for at most; null: for all that its user may do. */
  readonly scopes: readonly Permission[] | null;
  readonly kind: TokenKind;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  revoked: boolean;
}

export type UserOrigin = "local" | "oidc";

/** A person or a program of one. Nothing here tells who it is in the world. */
export interface User {
  /** Opaque, e.g. `u4f0c5d...`; jobs and tokens carry it. */
  readonly userId: string;
  /** Handle, unique in the pool; it may change. */
  name: string;
  origin: UserOrigin;
  /** SHA-256 of the provider's issuer and subject; null for a local user. */
  subjectHash: string | null;
  /** Granted in the pool. */
  readonly roles: RoleGrant[];
  /** From the provider's groups, as of the last sign-in. */
  groupRoles: readonly RoleGrant[];
  disabled: boolean;
  readonly createdAtMs: number;
}

export type MemberStanding = "invited" | "active" | "draining" | "recalled";

export interface Invitation {
  readonly secretHash: string;
  readonly expiresAtMs: number;
  state: "open" | "used" | "revoked";
}

/** An offer as it stands, with who set it and when. */
export interface OfferRecord {
  readonly offer: Offer;
  /** Id of the user, `admin` for the operator of the machine; null: unknown. */
  readonly by: string | null;
  readonly atMs: number;
}

export interface Member {
  readonly name: string;
  readonly invitedAtMs: number;
  standing: MemberStanding;
  /** Newest last; a secret is good for one site. */
  readonly invitations: Invitation[];
  readonly siteIds: string[];
  /** Absent: everything to everybody; holds for sites without an offer of their own. */
  offer?: OfferRecord;
  /** Maintenance that is planned or under way; some may be over. */
  windows?: readonly MaintenanceWindow[];
  /** Patterns of devices that were taken back one by one. */
  recalledDevices?: readonly string[];
}

/** A certificate that an agent has shown, as far as it is told to people. */
export interface SiteCertificate {
  /** The distinguished name on one line, e.g. `CN=lab,O=Example`. */
  readonly subject: string;
  /** Common name and alternative names. */
  readonly names: readonly string[];
  /** SHA-256, 64 hexadecimal digits. */
  readonly fingerprint: string;
  readonly validToMs: number;
}

export interface Site {
  readonly siteId: string;
  readonly member: string;
  publicKey: string;
  /** Proposed by the site, and good beside the old one until the site has signed with it. */
  nextKey?: string;
  /** An operator took its right to connect away, for good. */
  revoked?: true;
  readonly engine: string;
  state: "joined" | "here" | "away";
  agentVersion: string;
  /** What its agent showed when it came; absent: nothing. */
  certificate?: SiteCertificate;
  nodes: readonly Node[];
  calibration: Calibration | null;
  /** The site may run its leases until then, by the pool's clock; 0: never had the right. */
  leaseUntilMs: number;
  changedAtMs: number;
  readonly openLeases: string[];
  /** Absent: its member's offer holds. */
  offer?: OfferRecord;
  /** When its agent refused a lease because of the offer. */
  refusedAtMs?: number;
}

export interface Project {
  readonly name: string;
  parent: string | null;
  shares: number;
  /** What it and its users may have at one time; absent: as much as there is. */
  readonly caps?: ProjectCaps;
}

export type LeaseStage = "leased" | "starting" | "running" | "stopping" | "ended";

export interface LeaseState {
  readonly lease: Lease;
  stage: LeaseStage;
  /** Prices of the offer under which it was granted; absent: the pool's, when it ends. */
  readonly prices?: OfferPrices;
  startedAtMs: number | null;
  /** When its job last said that its work is safe; absent: never. */
  checkpointAtMs?: number;
  endedAtMs: number | null;
  /** Set once the lease was asked to stop: what its end will count as. */
  stop: {
    readonly outcome: LeaseOutcome;
    readonly graceMs: number;
    readonly reason: string;
  } | null;
  end: LeaseEnd | null;
  /** True when `end.usage` was estimated and no true report has come yet. */
  estimated: boolean;
}

export interface JobState {
  readonly jobId: string;
  readonly spec: JobSpec;
  readonly submittedAtMs: number;
  readonly place: ArrayPlace | null;
  stage: "queued" | "active" | "ended";
  cancelled: boolean;
  attempts: number;
  readonly leaseIds: string[];
  startedAtMs: number | null;
  endedAtMs: number | null;
  /** When it was last asked to move; absent: never. */
  movedAtMs?: number;
  outcome: JobOutcome | null;
  exitCode: number | null;
  message: string;
}

/** One merged contribution, as the run page shows it. */
export interface RoundRow {
  readonly siteId: string;
  readonly tokens: number;
  readonly batch: number;
  readonly innerSteps: number;
  readonly computeMs: number;
  readonly transferMs: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly share: number;
  readonly norm: number | null;
  /** `merged`, or why it did not count. */
  readonly verdict: string;
}

export interface RoundHistory {
  readonly round: number;
  readonly warmUp: boolean;
  readonly openedAtMs: number;
  readonly mergedAtMs: number;
  readonly heldOutLoss: number | null;
  readonly rows: readonly RoundRow[];
}

/** A spanning training: the round machine of core/training, and what people want to see of it. */
export interface RunState {
  readonly jobId: string;
  readonly machine: RoundMachine;
  /** Times that a site's worker failed in a row; a site that fails too often is left out. */
  readonly failures: Record<string, number>;
  /** Grows with every event of the run: workers wait for a higher one. */
  version: number;
  readonly lossBefore: number | null;
  readonly startedAtMs: number;
  /** What of each site's totals is in the books already, by site. */
  readonly booked: Record<string, SiteTotals>;
  /** The last LIMITS.RUN_ROUNDS_KEPT rounds. */
  readonly rounds: RoundHistory[];
  /** Some earlier models, spread over the run; see milestones.ts. Absent in older snapshots. */
  milestones?: readonly Milestone[];
  /** How often each site's parts were refused, by code. Absent in older snapshots. */
  refusals?: Record<string, Record<string, number>>;
}

/** A lease was asked to stop so that its job goes on elsewhere on the site. */
export interface Moving {
  readonly siteId: string;
  readonly to: readonly Placement[];
  /** The job that has room then. */
  readonly forJobId: string;
  readonly sinceMs: number;
}

/** An earlier model of a run that can still be exported and forked. */
export interface Milestone {
  readonly round: number;
  /** Digest of the model. */
  readonly digest: string;
  /** Blob of exact model, sites' copy and momentum. */
  readonly checkpointBlob: string;
  readonly heldOutLoss: number | null;
}

/** What was answered under an idempotency key. */
export interface KeyState {
  readonly digest: string;
  /** The job, or the first task of the array. */
  readonly jobId: string;
  /** Tasks of the array; absent: one job, or a key of a journal before format 4. */
  readonly tasks?: number;
}

/** What has left the state for the archive, in all. */
export interface Archived {
  batches: number;
  jobs: number;
  /** Jobs by outcome. */
  readonly outcomes: Partial<Record<JobOutcome, number>>;
  /** SHA-256 over all batches, each with the digest before it; empty before the first. */
  digest: string;
}

/** A reservation, and who made it: the id of a user, `admin`; null: unknown. */
export interface ReservationRecord {
  readonly reservation: Reservation;
  readonly by: string | null;
}

export interface State {
  seq: number;
  nowMs: number;
  /** When the control plane was last started with open leases; 0: never. */
  bootedAtMs: number;
  poolId: string;
  name: string;
  nextJob: number;
  nextLease: number;
  nextFence: number;
  readonly users: Map<string, User>;
  readonly tokens: Map<string, Token>;
  /** Hash of a token -> its id. */
  readonly tokenHashes: Map<string, string>;
  readonly members: Map<string, Member>;
  readonly sites: Map<string, Site>;
  readonly projects: Map<string, Project>;
  /** How waiting raises priorities; null: not at all; absent: AGEING_DEFAULT. */
  ageing?: Ageing | null;
  /** How jobs may pass a blocked one; absent: BACKFILL_DEFAULT. */
  backfill?: BackfillMode;
  /** Whether leases may move so that others have room; absent: not. */
  moves?: boolean;
  /** Jobs on their way to another place on their site, by id, oldest first. */
  readonly moving: Map<string, Moving>;
  /** What operators keep for some, by id; what is over leaves. */
  readonly reservations: Map<string, ReservationRecord>;
  nextReservation: number;
  readonly jobs: Map<string, JobState>;
  /** Jobs that wait for a first or a further lease, oldest first. */
  readonly queue: Map<string, true>;
  readonly arrays: Map<string, string[]>;
  readonly leases: Map<string, LeaseState>;
  readonly runs: Map<string, RunState>;
  readonly ledger: LedgerState;
  /** How long equal work took on which devices. */
  readonly throughput: Observations;
  readonly archived: Archived;
  /** How long jobs ran, for estimates; see run-times.ts. */
  readonly runTimes: RunHistory;
  /** Idempotency key -> digest of the request and the answer. */
  readonly keys: Map<string, KeyState>;
}

/** State before the first event. */
export const emptyState = (): State => ({
  seq: 0,
  nowMs: 0,
  bootedAtMs: 0,
  poolId: "",
  name: "",
  nextJob: 1,
  nextLease: 1,
  nextFence: 1,
  users: new Map(),
  tokens: new Map(),
  tokenHashes: new Map(),
  members: new Map(),
  sites: new Map(),
  projects: new Map(),
  moving: new Map(),
  reservations: new Map(),
  nextReservation: 1,
  jobs: new Map(),
  queue: new Map(),
  arrays: new Map(),
  leases: new Map(),
  runs: new Map(),
  ledger: emptyLedger(),
  throughput: noObservations(),
  archived: { batches: 0, jobs: 0, outcomes: {}, digest: "" },
  runTimes: new Map(),
  keys: new Map(),
});

/** A job that waits for the first time. */
export const newJob = (
  jobId: string,
  spec: JobSpec,
  place: JobState["place"],
  submittedAtMs: number,
): JobState => ({
  jobId,
  spec,
  submittedAtMs,
  place,
  stage: "queued",
  cancelled: false,
  attempts: 0,
  leaseIds: [],
  startedAtMs: null,
  endedAtMs: null,
  outcome: null,
  exitCode: null,
  message: "",
});

/** Version of the snapshot's format. */
export const STATE_FORMAT = 4;
/** Formats that SnapshotReader opens; of any other the state is folded from the journal. */
export const STATE_FORMATS_READ: readonly number[] = [3, STATE_FORMAT];

const TAG = "$map";

/**
 * All of a state as one text, for comparing and for small states (see snapshot.ts for large ones):
 * equal states that came by equal events give equal text.
 */
export const encodeState = (state: State): string =>
  JSON.stringify(state, (_, value: unknown) =>
    value instanceof Map ? { [TAG]: [...value.entries()] } : value,
  );

/** The state of an encoded text. */
export const decodeState = (text: string): State =>
  JSON.parse(text, (_, value: unknown) => {
    if (typeof value !== "object" || value === null) return value;
    // A user's own `$map` (an environment variable, a label) holds text, never a list.
    const entries = Object.hasOwn(value, TAG) && (value as Record<string, unknown>)[TAG];
    return Array.isArray(entries) ? new Map(entries as [unknown, unknown][]) : value;
  }) as State;
