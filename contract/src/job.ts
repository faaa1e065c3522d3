// The job as a user writes it (YAML, JSON or flags) and as the API shows it.
import { LIMITS, WHOLE_MILLI } from "@tequio/core/pool";
import { z } from "zod";
import {
  Count,
  Digest,
  EpochMs,
  JobId,
  Name,
  parseArray,
  parseDeadline,
  parseDurationMs,
  parseSizeMiB,
} from "./primitives.ts";

const Duration = z
  .union([z.number().positive(), z.string()])
  .refine((value) => typeof value === "number" || (parseDurationMs(value) ?? 0) > 0, {
    message: "a time is '90s', '30m', '12h', '2d', 'HH:MM:SS' or 'D-HH:MM' (a number is minutes)",
  });
const Size = z
  .union([z.number().positive(), z.string()])
  .refine((value) => typeof value === "number" || parseSizeMiB(value) !== undefined, {
    message: "a size is '512M', '16GB' or '1T' (a number is GiB)",
  });

/** How many accelerators are asked for. */
const amountOf = (given: number | string): number =>
  typeof given === "number" ? given : Number(given.split(":")[1] ?? 1);

/** Whole ones, or thousandths of one. */
const isAmount = (amount: number): boolean =>
  Number.isInteger(amount) ||
  (amount < 1 && Math.abs(amount * WHOLE_MILLI - Math.round(amount * WHOLE_MILLI)) < 1e-6);

/** What each task needs. */
export const ResourcesWire = z
  .strictObject({
    accelerators: z
      .union([z.number().min(0).max(1_024), z.string().regex(/^[^:]+(:\d+(\.\d+)?)?$/)])
      .refine((given) => isAmount(amountOf(given)), {
        message: "a whole number, or a part of one GPU in steps of 0.001, such as 0.5",
      })
      .describe("How many, a part of one such as 0.5, or a model with either as in `H100:8`"),
    kind: z.enum(["cpu", "gpu"]).describe("Kind of accelerator; absent: any"),
    vendor: z.string().max(64).describe("Maker, e.g. NVIDIA, AMD, Huawei"),
    model: z.string().max(64).describe("Product or its first words, e.g. `H100`"),
    acceleratorMemory: Size.describe("Least memory of each accelerator"),
    cpus: z.number().positive().max(4_096).describe("Processor cores; fractions are fine"),
    memory: Size.describe("Main memory"),
    disk: Size.describe("Files in a task's work folder, all together; default: 64G"),
    processes: z
      .number()
      .int()
      .min(1)
      .max(LIMITS.TASK_PROCESSES_MAX)
      .describe("Processes and threads of a task at a time; default: 4096"),
  })
  .partial();

export const ModelWire = z.strictObject({
  vocab: z.number().int().min(2).max(65_536).default(256),
  context: z.number().int().min(8).max(4_096).default(128),
  width: z.number().int().min(16).max(4_096).default(128),
  layers: z.number().int().min(1).max(64).default(4),
  heads: z.number().int().min(1).max(64).default(4),
});

const DENSE_CODECS = ["fp32", "fp16", "int8", "int4", "ternary"] as const;

/** The way down carries whole steps of the model, so it has no codec that keeps a few values. */
const CodecDownName = z.enum(DENSE_CODECS);
const CodecUpName = z.enum([...DENSE_CODECS, "topk64", "topk256", "topk512", "ternary1"]);

/** Most values of a model that a run's own command brings: 1 GiB in fp32. */
const OWN_PARAMETERS_MAX = 2 ** 28;
/** Most windows of such a run's data; their order is drawn with halves of 16 bits. */
const OWN_WINDOWS_MAX = 2 ** 31 - 1;

/** A model and data that only the run's command knows. */
const OwnModelWire = z.strictObject({
  parameters: z.number().int().min(1).max(OWN_PARAMETERS_MAX).describe("Values of the model"),
  windows: z.number().int().min(1).max(OWN_WINDOWS_MAX).describe("Samples of its training data"),
  layout: Digest.optional().describe("Digest of names and shapes, which every site compares"),
});

/** A spanning training run: one model over several members. */
export const RunWire = z.strictObject({
  own: OwnModelWire.optional().describe(
    "A model of the command's own; of `model` only `context` counts: the tokens of a sample",
  ),
  commandOn: z
    .record(z.string(), z.string())
    .optional()
    .describe("Labels of the nodes that run the job's command; others run the embedded trainer"),
  model: ModelWire.prefault({}),
  corpus: z.string().min(1).max(1_024).default("sotu").describe("`sotu` or a text file's path"),
  tokenizer: z
    .string()
    .regex(/^(bytes|bpe-[1-9]\d{2,4})$/)
    .optional()
    .describe("`bytes`, or `bpe-N`: N tokens trained on the corpus, 257 to 65536; default: bytes"),
  seed: z.number().int().min(0).max(2_147_483_647).default(1),
  stop: z
    .strictObject({
      minutes: z.number().positive().max(43_200),
      rounds: z.number().int().positive().max(1_000_000),
      tokens: z.number().int().positive(),
    })
    .partial()
    .refine((stop) => Object.keys(stop).length > 0, {
      message: "give at least one of minutes, rounds, tokens",
    }),
  innerSteps: z.number().int().min(1).max(10_000).optional(),
  referenceBatch: z.number().int().min(1).max(1_024).default(16),
  maxBatch: z.number().int().min(1).max(4_096).default(64),
  optimiser: z
    .enum(["muon", "adamw"])
    .optional()
    .describe("Of the embedded trainer: `adamw` (default) or `muon`, for the layers' matrices"),
  learningRate: z
    .number()
    .positive()
    .max(1)
    .optional()
    .describe("Highest rate; default: 0.003 with adamw, 0.006 with muon"),
  warmUpSteps: z.number().int().min(0).max(100_000).default(60),
  codecUp: CodecUpName.optional(),
  codecDown: CodecDownName.optional(),
  maxMembers: z.number().int().min(1).max(1_000).optional(),
});

/** The job file. Unknown fields are refused with the nearest known one. */
export const JobWire = z.strictObject({
  name: Name.optional().describe("Shown in lists; default: the program's name"),
  project: Name.default("default").describe("Whose share the job uses"),
  command: z.array(z.string()).min(1).optional().describe("Program and arguments"),
  shell: z.string().min(1).optional().describe("Shell text, run by `sh -c`, instead of command"),
  env: z.record(z.string(), z.string()).default({}).describe("Environment of the tasks"),
  tasks: z
    .number()
    .int()
    .min(1)
    .max(LIMITS.GANG_TASKS_MAX)
    .default(1)
    .describe("Tasks that start together (a gang)"),
  tasksMin: z
    .number()
    .int()
    .min(1)
    .max(LIMITS.GANG_TASKS_MAX)
    .optional()
    .describe("Start with fewer tasks, down to so many, when there is no room for all"),
  resources: ResourcesWire.default({}),
  members: z.array(Name).default([]).describe("Only these members; default: any"),
  excludeMembers: z.array(Name).default([]),
  labels: z.record(z.string(), z.string()).default({}).describe("Labels that a node must carry"),
  prefer: z
    .enum(["fast", "cheap"])
    .optional()
    .describe("Of what fits, where the work is done soonest (`fast`) or for least (`cheap`)"),
  priority: z.number().int().min(0).max(1_000).default(100),
  preemptible: z.boolean().default(false).describe("May be stopped for a job that matters more"),
  requeue: z.boolean().default(true).describe("Start again after a lost site or preemption"),
  time: Duration.optional().describe("Time limit: `90s`, `30m`, `12h`, `HH:MM:SS`, `D-HH:MM`"),
  deadline: z
    .union([z.number().positive(), z.string()])
    .refine((value) => parseDeadline(value) !== undefined, {
      message: "a deadline is '12h' after the submission, or '2026-12-01T18:00Z' with a zone",
    })
    .optional()
    .describe("When it must have ended: `12h` from now on, or `2026-12-01T18:00Z`"),
  array: z
    .string()
    .refine((text) => parseArray(text) !== undefined, {
      message: "an array is '0-15', '0,6,16-32', '0-15:4' or '0-15%4'",
    })
    .optional()
    .describe("Task array as in Slurm: `0-15%4`"),
  after: z
    .array(
      z.string().regex(/^((after|afterany|afterok|afternotok):)?[0-9]+(_[0-9]+)?$/, {
        message: "a dependency is 'afterok:17', 'afterany:17', 'afternotok:17' or 'after:17'",
      }),
    )
    .max(LIMITS.DEPENDENCIES_MAX)
    .default([])
    .describe("Dependencies, e.g. [`afterok:17`]"),
  run: RunWire.optional().describe(
    "A spanning training run, by `command` or `shell` or else by the embedded trainer",
  ),
  serve: JobId.optional().describe(
    "Serve the models of this run: a replica that writes texts for `/openai/v1`",
  ),
});
export type JobWire = z.input<typeof JobWire>;
export type JobParsed = z.output<typeof JobWire>;

export const JOB_STATES = ["queued", "leased", "starting", "running", "stopping", "ended"] as const;

export const LeaseView = z.strictObject({
  leaseId: z.string(),
  attempt: Count,
  member: z.string(),
  site: z.string(),
  state: z.enum(["leased", "starting", "running", "stopping", "ended"]),
  fence: Count,
  accelerators: z.array(
    z.strictObject({
      ...{ node: z.string(), id: z.string(), model: z.string() },
      /** Part of it that the task has, e.g. 0.5; absent: all of it. */
      part: z.number().positive().optional(),
    }),
  ),
  grantedAtMs: EpochMs,
  startedAtMs: EpochMs.optional(),
  endedAtMs: EpochMs.optional(),
  outcome: z.string().optional(),
  exitCode: z.number().int().nullable().optional(),
  signal: z.string().nullable().optional(),
  deviceMs: Count.optional(),
  reason: z.string(),
  message: z.string().optional(),
});
export type LeaseView = z.infer<typeof LeaseView>;

export const JobView = z.strictObject({
  id: JobId,
  name: z.string(),
  project: z.string(),
  user: z.string(),
  kind: z.enum(["batch", "run"]),
  state: z.enum(JOB_STATES),
  outcome: z.string().optional(),
  exitCode: z.number().int().nullable().optional(),
  priority: z.number().int(),
  tasks: Count,
  /** Of all tasks together; parts count as such, e.g. 0.5. */
  accelerators: z.number().nonnegative(),
  submittedAtMs: EpochMs,
  startedAtMs: EpochMs.optional(),
  endedAtMs: EpochMs.optional(),
  walltimeMs: Count,
  attempt: Count,
  members: z.array(z.string()),
  arrayId: z.string().optional(),
  arrayIndex: Count.optional(),
  /** One line: why it waits, where it runs, or how it ended. */
  reason: z.string(),
});
export type JobView = z.infer<typeof JobView>;

export const JobDetail = JobView.extend({
  command: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  constraints: z.unknown(),
  resources: z.unknown(),
  dependencies: z.array(z.string()),
  preemptible: z.boolean(),
  requeue: z.boolean(),
  /** Absent: as the pool likes. */
  prefer: z.enum(["fast", "cheap"]).optional(),
  /** When it must have ended, if there is such a moment. */
  deadlineMs: EpochMs.optional(),
  /** The run whose models it serves, if it is a replica. */
  serves: JobId.optional(),
  leases: z.array(LeaseView),
});
export type JobDetail = z.infer<typeof JobDetail>;

export const ReasonView = z.strictObject({ code: z.string(), text: z.string(), nodes: Count });

/** A single change of the job file, and when the job would start with it. */
export const ChangeView = z.strictObject({
  /** One sentence, e.g. "Without `model: H100` it would start now." */
  text: z.string(),
  startMs: EpochMs,
  now: z.boolean(),
  /** How much sooner that is; absent: as it is, nothing that is lent can take the job. */
  gainMs: Count.optional(),
});

/** What decides the place of a waiting job. */
export const StandingView = z.strictObject({
  text: z.string(),
  ofHigherPriority: Count,
  /** Older jobs of the same priority and project. */
  older: Count,
  ofOtherProjects: z.array(
    z.strictObject({ project: z.string(), jobs: Count, usedPercent: Count.optional() }),
  ),
  /** What its project has used of its share, in whole percent; more than 100: more than that. */
  usedPercent: Count.optional(),
});

/** A lease of the job: why it is there, what may stop it, or how it ended. */
export const WhyLease = z.strictObject({
  leaseId: z.string(),
  attempt: Count,
  member: z.string(),
  site: z.string(),
  state: z.enum(["leased", "starting", "running", "stopping", "ended"]),
  startedAtMs: EpochMs.optional(),
  endedAtMs: EpochMs.optional(),
  /** The end at the latest, by the time limit or the owner's terms. */
  endsByMs: EpochMs.optional(),
  outcome: z.string().optional(),
  /** Sentences, the most telling first. */
  facts: z.array(z.string()),
});
export type WhyLease = z.infer<typeof WhyLease>;

export const WhyView = z.strictObject({
  /** The job; if an array was asked about, the one of its tasks that the answer is about. */
  id: JobId,
  /** Present if an array was asked about. */
  array: z
    .strictObject({ id: JobId, queued: Count, active: Count, ended: Count, text: z.string() })
    .optional(),
  state: z.enum(JOB_STATES),
  outcome: z.string().optional(),
  summary: z.string(),
  /** 1 for the job that goes first; absent unless it waits. */
  place: Count.optional(),
  /** Jobs that wait in all. */
  waiting: Count.optional(),
  /** The first of the jobs ahead, in order. */
  aheadIds: z.array(JobId).optional(),
  standing: StandingView.optional(),
  /** By how many nodes they rule out. */
  reasons: z.array(ReasonView),
  /** Single changes that would let it start soonest, at most three. */
  changes: z.array(ChangeView),
  hint: z.string().optional(),
  startEstimateMs: EpochMs.optional(),
  /** Early, likely and late: four starts of five lie between the first and the last. */
  startIntervalMs: z.tuple([EpochMs, EpochMs, EpochMs]).optional(),
  /** Every lease that it had, newest first. */
  leases: z.array(WhyLease),
});
export type WhyView = z.infer<typeof WhyView>;

export const LogView = z.strictObject({
  attempt: Count,
  task: Count,
  offset: Count,
  nextOffset: Count,
  /** Base64 of the bytes: a log may hold anything. */
  data: z.string(),
  ended: z.boolean(),
  droppedBytes: Count,
});
export type LogView = z.infer<typeof LogView>;
