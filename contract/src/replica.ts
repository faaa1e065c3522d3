// What a replica and the pool say to each other: a task on a member's node that writes texts with
// the models of a run. The replica only ever asks: it holds one request open for its work and
// sends what it has written with others, so no member has to open a port.
import { z } from "zod";
import { define } from "./endpoint.ts";
import { ModelWire } from "./job.ts";
import { ANSWER_TOKENS_MAX } from "./openai.ts";
import { Count, Digest, JobId } from "./primitives.ts";

/** Texts that one replica may be told of at a time; the pool itself writes no more at once. */
const REPLICA_TEXTS_MAX = 64;
/** Models that a replica may say it holds. */
const REPLICA_MODELS_MAX = 16;
const ERROR_CHARS_MAX = 500;

/** Where the values of a model lie. */
export const ServedModelWire = z.strictObject({
  round: Count,
  /** Digest of its values. */
  digest: Digest,
  blob: Digest,
  /** Where in the blob its values begin, in bytes. */
  at: Count,
  /** Values of the model. */
  parameters: Count,
});
export type ServedModelWire = z.infer<typeof ServedModelWire>;

/** A text that a replica is to write. */
export const TextOrder = z.strictObject({
  id: z.string(),
  model: ServedModelWire,
  /** Token ids. */
  prompt: z.array(Count),
  /** Tokens that stand already: another replica wrote them and went away. */
  written: z.array(Count),
  /** Tokens of the whole text, those that stand among them. */
  tokens: Count,
  temperature: z.number(),
  topP: z.number(),
  seed: z.number().int(),
});
export type TextOrder = z.infer<typeof TextOrder>;

export const ReplicaWork = z.strictObject({
  /** `wait`: the run has no model yet; `stop`: there is nothing left to serve. */
  state: z.enum(["serve", "wait", "stop"]),
  reason: z.string(),
  /** Grows with every change: the replica waits for a higher one. */
  version: Count,
  shape: ModelWire.optional(),
  /** The newest model, to be fetched before somebody asks for it. */
  newest: ServedModelWire.optional(),
  /** Texts that are new since `after`. */
  texts: z.array(TextOrder),
  /** All texts that somebody waits for; what is not among them is not worked for any more. */
  wanted: z.array(z.string()),
});
export type ReplicaWork = z.infer<typeof ReplicaWork>;

/** What has become of a text since the replica spoke of it last. */
export const WrittenPart = z.strictObject({
  id: z.string().max(64),
  /** Place of the first of these tokens, counted from where this replica began. */
  from: z.number().int().min(0).max(ANSWER_TOKENS_MAX),
  tokens: z.array(z.number().int().min(0).max(65_535)).max(ANSWER_TOKENS_MAX),
  /** Nothing more will come. */
  over: z.boolean().optional(),
  /** Why the text could not be written. */
  error: z.string().max(ERROR_CHARS_MAX).optional(),
});
export type WrittenPart = z.infer<typeof WrittenPart>;

export const ReplicaSays = z.strictObject({
  /** Digests of the models that it can write with at once. */
  holds: z.array(Digest).max(REPLICA_MODELS_MAX).optional(),
  /** What it measured itself with the newest model, before anybody asked. */
  tokensPerSecond: z.number().positive().max(1e9).optional(),
  texts: z.array(WrittenPart).max(REPLICA_TEXTS_MAX).default([]),
});

/** A replica as people see it. */
export const ReplicaView = z.strictObject({
  jobId: JobId,
  member: z.string(),
  site: z.string(),
  /** `loading`: it has no model yet; `away`: it has not asked for work for some seconds. */
  state: z.enum(["ready", "loading", "away"]),
  /** Newest round that it can write with. */
  round: Count.optional(),
  /** Of all its texts together, as the pool has measured it. */
  tokensPerSecond: z.number().optional(),
  /** Under way. */
  texts: Count,
  /** Since the control plane started. */
  tokens: Count,
});
export type ReplicaView = z.infer<typeof ReplicaView>;

/** Longest wait of a replica for work. */
const WORK_WAIT_MS_MAX = 30_000;

export const REPLICA_ENDPOINTS = define({
  takeTexts: {
    method: "POST",
    path: "/v1/replica/work",
    summary: "What this lease's replica writes next; waits for a version above `after`",
    callers: ["task"],
    permission: null,
    body: z.strictObject({
      after: Count.default(0),
      waitMs: z.number().int().min(0).max(WORK_WAIT_MS_MAX).default(0),
    }),
    reply: ReplicaWork,
  },
  sayTexts: {
    method: "POST",
    path: "/v1/replica/written",
    summary: "What the replica has written, which models it holds and how fast it is",
    callers: ["task"],
    permission: null,
    body: ReplicaSays,
    reply: z.strictObject({ taken: Count }),
  },
});
