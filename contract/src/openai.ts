// Requests of the OpenAI-compatible endpoint, as far as a run's model can serve them. Fields that
// ask for what it cannot do are refused by name; fields that nobody here knows are let pass, since
// clients send many.
import { z } from "zod";

/** Tokens of one answer at most: at 5 ms each this is 20 s of one core. */
export const ANSWER_TOKENS_MAX = 4_096;
const STOPS_MAX = 4;
/** Characters of all messages together; the context of a model is far shorter. */
const PROMPT_CHARS_MAX = 100_000;

const Text = z.string().max(PROMPT_CHARS_MAX);
const Tokens = z.number().int().min(1).max(ANSWER_TOKENS_MAX);
/** Set only to what it is by default. */
const only = <T extends z.core.util.Literal>(value: T) => z.literal(value).nullish();

const COMMON = {
  model: z.string().max(200),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  stop: z
    .union([z.string().min(1).max(200), z.array(z.string().min(1).max(200)).max(STOPS_MAX)])
    .nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  seed: z.number().int().nullish(),
  n: only(1),
  frequency_penalty: only(0),
  presence_penalty: only(0),
  /** `auto`: of a prompt beyond the context only the end counts. Absent: it is refused. */
  truncation: z.enum(["auto", "disabled"]).nullish(),
};

export const CompletionRequest = z.object({
  ...COMMON,
  prompt: z.union([
    Text,
    z.array(Text).length(1),
    z.array(z.number().int().nonnegative()).max(PROMPT_CHARS_MAX),
  ]),
  max_tokens: Tokens.nullish(),
  echo: z.boolean().nullish(),
  best_of: only(1),
  logprobs: z.null().optional(),
  suffix: only(""),
});
export type CompletionRequest = z.infer<typeof CompletionRequest>;

const Part = z.object({ type: z.literal("text"), text: Text });

export const ChatRequest = z.object({
  ...COMMON,
  messages: z
    .array(
      z.object({
        role: z.enum(["system", "developer", "user", "assistant"]),
        content: z.union([Text, z.array(Part).max(1_000)]),
      }),
    )
    .min(1)
    .max(1_000),
  max_tokens: Tokens.nullish(),
  max_completion_tokens: Tokens.nullish(),
  logprobs: only(false),
  tools: z.array(z.unknown()).length(0).nullish(),
  response_format: z.object({ type: z.literal("text") }).nullish(),
});
export type ChatRequest = z.infer<typeof ChatRequest>;
