// Endpoints of what a run leaves behind and begins with: lineage, forks, plans. Watching and
// changing runs stands with the other endpoints.
import { z } from "zod";
import { define } from "./endpoint.ts";
import { JobWire } from "./job.ts";
import { SignedLineage } from "./lineage.ts";
import { Count, JobId, Name } from "./primitives.ts";

export const EXPORT_FORMATS = ["safetensors", "onnx"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Of a number in an address. */
const Round = z.coerce.number().int().nonnegative().max(1_000_000_000);

/** Which model of a run is meant, and as what: the query of an export. */
export const ExportQuery = z.strictObject({
  format: z.enum(EXPORT_FORMATS).default("safetensors"),
  /** Absent: the newest. */
  round: Round.optional(),
});

const ById = z.strictObject({ id: JobId });

/** Fields of a run that a fork may set; the model's shape is that of its parent. */
export const ForkRequest = z.strictObject({
  /** Round of the model to begin with; absent: the newest. */
  round: Count.optional(),
  name: Name.optional(),
  /** Fields of `run` in the job file. */
  set: z.record(z.string().max(64), z.unknown()).default({}),
});

export const PlanSiteView = z.strictObject({
  siteId: z.string(),
  member: z.string(),
  devices: Count,
  tokensPerSecond: z.number(),
  known: z.enum(["measured", "calibrated", "guessed"]),
  upMbitPerS: z.number(),
  downMbitPerS: z.number(),
  /** Price of its devices for an hour, in micro-credits. */
  microPerHour: Count,
});

export const PlanChoiceView = z.strictObject({
  sites: z.array(z.string()),
  innerSteps: Count,
  /** Absent: by each site's link. */
  codecUp: z.string().optional(),
  durationMs: z.number(),
  /** Of that: warm-up and fetching the first model. */
  startMs: z.number(),
  rounds: Count,
  roundMs: z.number(),
  tokens: Count,
  tokensPerSecond: z.number(),
  bytesUp: Count,
  bytesDown: Count,
  /** Part of the time in which devices compute. */
  computing: z.number(),
  costMicro: Count,
  /** Way to the target in the same time, compared with the first choice. */
  pace: z.number(),
  why: z.string(),
});
export type PlanChoiceView = z.infer<typeof PlanChoiceView>;

/** What a run would take: the first choice is what the pool would do. */
export const RunPlanView = z.strictObject({
  parameters: Count,
  sites: z.array(PlanSiteView),
  choices: z.array(PlanChoiceView),
});
export type RunPlanView = z.infer<typeof RunPlanView>;

export const RUN_ENDPOINTS = define({
  planRun: {
    method: "POST",
    path: "/v1/run-plans",
    summary: "What a run would take: time, bytes and cost by members, inner steps and codec",
    callers: ["person"],
    permission: "jobs.submit",
    body: JobWire,
    reply: RunPlanView,
  },
  forkRun: {
    method: "POST",
    path: "/v1/runs/:id/fork",
    summary: "Submit a run that goes on from a model of this one, with its optimiser state",
    callers: ["person"],
    permission: "jobs.submit",
    params: ById,
    body: ForkRequest,
    reply: z.strictObject({
      id: z.string(),
      from: z.strictObject({ runId: z.string(), round: Count, digest: z.string() }),
    }),
    status: 201,
    idempotent: true,
  },
  getLineage: {
    method: "GET",
    path: "/v1/runs/:id/lineage",
    summary: "Who trained the run's newest model, on what and from which: a signed card",
    callers: ["person"],
    permission: "runs.read",
    params: ById,
    reply: SignedLineage,
  },
});
