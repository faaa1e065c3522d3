// What a request for text asks for, the same for both kinds: the tokens of the prompt, how to draw,
// where to stop. A chat is written out as plain lines, since the models of runs are base models:
// they continue texts and were never taught to answer.
import { randomInt } from "node:crypto";
import {
  type ChatRequest,
  ChatRequest as ChatShape,
  type CompletionRequest,
  CompletionRequest as CompletionShape,
  parseWith,
} from "@tequio/contract";
import { type ModelShape, type Outcome, ok, refuse } from "@tequio/core/pool";
import type { TextWish } from "../../ports.ts";

/** OpenAI's own default of completions. */
const COMPLETION_TOKENS_DEFAULT = 16;
/** A few sentences: base models do not know when an answer is over. */
const CHAT_TOKENS_DEFAULT = 256;
const SEED_MAX = 2 ** 31;

export interface Asked {
  readonly kind: "text_completion" | "chat.completion";
  readonly model: string;
  /** A text, or tokens. */
  readonly prompt: string | readonly number[];
  /** The answer begins with the prompt. */
  readonly echoes: boolean;
  readonly stops: readonly string[];
  readonly tokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
  readonly truncates: boolean;
  readonly stream: boolean;
  readonly includesUsage: boolean;
}

/** Parses a request for a completion. Refuses INVALID_REQUEST with the field's name. */
export function askedCompletion(body: unknown): Outcome<Asked> {
  const parsed = parseWith(CompletionShape, body);
  if (!parsed.ok) return parsed;
  const { prompt, max_tokens, echo } = parsed.value;
  const first = typeof prompt === "string" ? prompt : prompt[0];
  return ok({
    ...common(parsed.value),
    kind: "text_completion",
    prompt: typeof first === "string" ? first : (prompt as number[]),
    echoes: echo === true,
    tokens: max_tokens ?? COMPLETION_TOKENS_DEFAULT,
  });
}

/** Parses a request for the next message of a chat. Refuses INVALID_REQUEST. */
export function askedChat(body: unknown): Outcome<Asked> {
  const parsed = parseWith(ChatShape, body);
  if (!parsed.ok) return parsed;
  const asked = common(parsed.value);
  const { messages, max_tokens, max_completion_tokens } = parsed.value;
  return ok({
    ...asked,
    kind: "chat.completion",
    prompt: chatText(messages),
    echoes: false,
    // The model would go on with the user's next line.
    stops: [...asked.stops, "\nUser:"],
    tokens: max_completion_tokens ?? max_tokens ?? CHAT_TOKENS_DEFAULT,
  });
}

/** `System text`, `User: ...`, `Assistant: ...`, a line each, and the beginning of the answer. */
export function chatText(messages: ChatRequest["messages"]): string {
  const lines = messages.map(({ role, content }) => {
    const text =
      typeof content === "string" ? content : content.map((part) => part.text).join("\n");
    if (role === "user") return `User: ${text}\n`;
    return role === "assistant" ? `Assistant: ${text}\n` : `${text}\n`;
  });
  return `${lines.join("")}Assistant: `;
}

function common(request: CompletionRequest | ChatRequest) {
  const { model, stop, temperature, top_p, seed, stream, stream_options, truncation } = request;
  return {
    model,
    stops: typeof stop === "string" ? [stop] : (stop ?? []),
    temperature: temperature ?? 1,
    topP: top_p ?? 1,
    seed: seed == null ? randomInt(SEED_MAX) : Math.abs(seed) % SEED_MAX,
    truncates: truncation === "auto",
    stream: stream === true,
    includesUsage: stream_options?.include_usage === true,
  };
}

/**
 * What the engine is asked for, with the prompt in the run's tokens. Refuses PROMPT_TOO_LONG for
 * what the model cannot see whole.
 */
export function wishOf(
  asked: Asked,
  tokens: readonly number[],
  { context, vocab }: ModelShape,
): Outcome<TextWish> {
  const { temperature, topP, seed } = asked;
  const prompt = tokens.filter((token) => token < vocab);
  if (prompt.length > context && !asked.truncates) {
    const message = `The prompt has ${prompt.length} tokens; the model sees ${context}.`;
    const hint = 'Send less, or `"truncation": "auto"` to keep its end.';
    const at = asked.kind === "chat.completion" ? "messages" : "prompt";
    return refuse("PROMPT_TOO_LONG", message, hint, at);
  }
  return ok({ prompt: prompt.slice(-context), tokens: asked.tokens, temperature, topP, seed });
}
