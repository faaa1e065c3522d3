// The HTTP API, once: every endpoint with its shapes. The server registers from this table, the
// client and openapi.json are made from it, and the security table of the docs lists it.
import { z } from "zod";
import { JobDetail, JobView, JobWire, LogView, WhyView } from "./job.ts";
import {
  EventsQuery,
  InviteRequest,
  InviteView,
  JobsQuery,
  JoinRequest,
  JoinView,
  MemberAction,
  MemberView,
  PoolView,
  ProjectRequest,
  ProjectView,
  StatementView,
  TokenCreated,
  TokenRequest,
  TokenView,
  UsageQuery,
} from "./pool.ts";
import { Count, JobId, Name, PageQuery, pageOf } from "./primitives.ts";
import {
  AssignmentView,
  ContributionRequest,
  ContributionView,
  RunDetail,
  RunView,
  SampleRequest,
  SampleView,
} from "./run.ts";

/** Who may call: anybody; a person's token; a lease's task token; a site's token. */
export type Caller = "anyone" | "person" | "task" | "site";

export interface Endpoint {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** `:name` marks a path parameter. */
  readonly path: string;
  readonly summary: string;
  readonly callers: readonly Caller[];
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  readonly reply: z.ZodType;
  readonly status?: number;
  /** Takes an Idempotency-Key header: the same key and body give the same answer again. */
  readonly idempotent?: boolean;
}

const define = <const T extends Record<string, Endpoint>>(table: T): T => table;
const ById = z.strictObject({ id: JobId });
const ByName = z.strictObject({ name: Name });

export const ENDPOINTS = define({
  getPool: {
    method: "GET",
    path: "/v1/pool",
    summary: "The pool at a glance",
    callers: ["person"],
    reply: PoolView,
  },
  listMembers: {
    method: "GET",
    path: "/v1/members",
    summary: "Members with their sites, nodes and accelerators",
    callers: ["person"],
    reply: z.strictObject({ rows: z.array(MemberView) }),
  },
  inviteMember: {
    method: "POST",
    path: "/v1/members",
    summary: "Invite a member, or make a new join token for one; the token is shown once",
    callers: ["person"],
    body: InviteRequest,
    reply: InviteView,
    status: 201,
  },
  changeMember: {
    method: "POST",
    path: "/v1/members/:name/actions",
    summary: "Drain, recall or resume a member, or revoke its open invitation",
    callers: ["person"],
    params: ByName,
    body: MemberAction,
    reply: MemberView,
  },
  joinPool: {
    method: "POST",
    path: "/v1/join",
    summary: "Exchange a join token for a site of the pool, under the site's own key",
    callers: ["anyone"],
    body: JoinRequest,
    reply: JoinView,
    status: 201,
  },
  listProjects: {
    method: "GET",
    path: "/v1/projects",
    summary: "Projects with shares and remembered usage",
    callers: ["person"],
    reply: z.strictObject({ rows: z.array(ProjectView) }),
  },
  createProject: {
    method: "POST",
    path: "/v1/projects",
    summary: "Create a project, or change its shares",
    callers: ["person"],
    body: ProjectRequest,
    reply: ProjectView,
    status: 201,
  },
  submitJob: {
    method: "POST",
    path: "/v1/jobs",
    summary: "Submit a job, an array or a spanning run",
    callers: ["person"],
    body: JobWire,
    reply: z.strictObject({ id: JobId, tasks: Count, state: z.string() }),
    status: 201,
    idempotent: true,
  },
  listJobs: {
    method: "GET",
    path: "/v1/jobs",
    summary: "Jobs, newest first",
    callers: ["person"],
    query: JobsQuery,
    reply: pageOf(JobView),
  },
  getJob: {
    method: "GET",
    path: "/v1/jobs/:id",
    summary: "One job with its leases",
    callers: ["person"],
    params: ById,
    reply: JobDetail,
  },
  cancelJob: {
    method: "POST",
    path: "/v1/jobs/:id/cancel",
    summary: "Cancel a job, or a whole array",
    callers: ["person"],
    params: ById,
    reply: z.strictObject({ cancelled: z.array(JobId) }),
  },
  whyJob: {
    method: "GET",
    path: "/v1/jobs/:id/why",
    summary: "Why a job waits, or why it runs where it runs",
    callers: ["person"],
    params: ById,
    reply: WhyView,
  },
  readLog: {
    method: "GET",
    path: "/v1/jobs/:id/log",
    summary: "Bytes of a task's log from an offset; waits up to waitMs for new ones",
    callers: ["person"],
    params: ById,
    query: z.strictObject({
      task: z.coerce.number().int().min(0).default(0),
      attempt: z.coerce.number().int().min(1).optional(),
      member: Name.optional(),
      offset: z.coerce.number().int().min(0).default(0),
      limit: z.coerce.number().int().min(1).max(1_048_576).default(65_536),
      waitMs: z.coerce.number().int().min(0).max(30_000).default(0),
    }),
    reply: LogView,
  },
  listRuns: {
    method: "GET",
    path: "/v1/runs",
    summary: "Spanning runs, newest first",
    callers: ["person"],
    query: PageQuery,
    reply: pageOf(RunView),
  },
  getRun: {
    method: "GET",
    path: "/v1/runs/:id",
    summary: "One run with its members and rounds",
    callers: ["person"],
    params: ById,
    reply: RunDetail,
  },
  changeRun: {
    method: "POST",
    path: "/v1/runs/:id/actions",
    summary: "Pause, resume or stop a run; a stopped run keeps its last model",
    callers: ["person"],
    params: ById,
    body: z.strictObject({ action: z.enum(["pause", "resume", "stop"]) }),
    reply: RunView,
  },
  sampleRun: {
    method: "POST",
    path: "/v1/runs/:id/sample",
    summary: "Text from the run's newest model",
    callers: ["person"],
    params: ById,
    body: SampleRequest,
    reply: SampleView,
  },
  getAssignment: {
    method: "GET",
    path: "/v1/runs/:id/assignment",
    summary: "What this lease's site does next in the run; waits for a version above `after`",
    callers: ["task"],
    params: ById,
    query: z.strictObject({
      after: z.coerce.number().int().min(0).default(0),
      waitMs: z.coerce.number().int().min(0).max(30_000).default(0),
      /** Round of the model copy that the site holds, if any. */
      holds: z.coerce.number().int().min(0).optional(),
    }),
    reply: AssignmentView,
  },
  contribute: {
    method: "POST",
    path: "/v1/runs/:id/contributions",
    summary: "Announce a contribution whose blob was put before",
    callers: ["task"],
    params: ById,
    body: ContributionRequest,
    reply: ContributionView,
  },
  getUsage: {
    method: "GET",
    path: "/v1/usage",
    summary: "The statement: who used what, whose it was, and what is owed",
    callers: ["person"],
    query: UsageQuery,
    reply: StatementView,
  },
  listTokens: {
    method: "GET",
    path: "/v1/tokens",
    summary: "API tokens, without their secrets",
    callers: ["person"],
    reply: z.strictObject({ rows: z.array(TokenView) }),
  },
  createToken: {
    method: "POST",
    path: "/v1/tokens",
    summary: "Make an API token; it is shown once",
    callers: ["person"],
    body: TokenRequest,
    reply: TokenCreated,
    status: 201,
  },
  revokeToken: {
    method: "DELETE",
    path: "/v1/tokens/:name",
    summary: "Revoke an API token by its id",
    callers: ["person"],
    params: ByName,
    reply: TokenView,
  },
});

export type EndpointName = keyof typeof ENDPOINTS;

/**
 * Endpoints whose bodies are not JSON; the server writes them by hand, openapi.json lists them.
 * - `GET /v1/events?after=SEQ&types=a,b` person: server-sent events from the journal
 * - `PUT /v1/blobs/:digest`, `HEAD`, `GET` (range) task and person: content-addressed blobs; an
 *   upload may come in parts with `Content-Range: bytes A-B/SIZE`; HEAD on an unfinished upload
 *   answers 404 with `Upload-Offset`
 * - `GET /v1/probe?bytes=N`, `POST /v1/probe` site: bytes for measuring a link
 * - `GET /v1/gateway` WebSocket of the agents
 * - `GET /healthz`, `GET /readyz`, `GET /openapi.json` anyone
 */
export const STREAM_ENDPOINTS = [
  { method: "GET", path: "/v1/events", callers: ["person"], query: EventsQuery },
  { method: "PUT", path: "/v1/blobs/:digest", callers: ["task", "person"] },
  { method: "HEAD", path: "/v1/blobs/:digest", callers: ["task", "person"] },
  { method: "GET", path: "/v1/blobs/:digest", callers: ["task", "person"] },
  { method: "GET", path: "/v1/probe", callers: ["site"] },
  { method: "POST", path: "/v1/probe", callers: ["site"] },
  { method: "GET", path: "/v1/gateway", callers: ["site"] },
  { method: "GET", path: "/healthz", callers: ["anyone"] },
  { method: "GET", path: "/readyz", callers: ["anyone"] },
  { method: "GET", path: "/openapi.json", callers: ["anyone"] },
] as const;
