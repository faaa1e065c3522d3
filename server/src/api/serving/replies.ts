// Answers in the shapes of OpenAI's API, whole or in chunks. Pure.
import type { Asked } from "./asked.ts";

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

/** What all parts of one answer share. */
export interface Head {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
  readonly system_fingerprint: string;
}

export type Finish = "stop" | "length";

/** Tokens of the prompt and of the answer, as they are billed elsewhere. */
export const usageOf = (prompt: number, completion: number): Usage => ({
  ...{ prompt_tokens: prompt, completion_tokens: completion },
  total_tokens: prompt + completion,
});

/** The answer in one piece. */
export function wholeReply(
  kind: Asked["kind"],
  head: Head,
  text: string,
  finish: Finish,
  usage: Usage,
): object {
  const choice =
    kind === "chat.completion"
      ? { index: 0, message: { role: "assistant", content: text, refusal: null } }
      : { index: 0, text };
  const choices = [{ ...choice, logprobs: null, finish_reason: finish }];
  return { ...head, object: kind, choices, usage };
}

/** A piece of the answer; the one with `finish` is the last and has no text. */
export function chunkReply(
  kind: Asked["kind"],
  head: Head,
  text: string,
  { first, finish = null }: { readonly first: boolean; readonly finish?: Finish | null },
): object {
  if (kind === "text_completion") {
    const choices = [{ index: 0, text, logprobs: null, finish_reason: finish }];
    return { ...head, object: kind, choices };
  }
  const content = finish === null ? { content: text } : {};
  const delta = first ? { role: "assistant", ...content } : content;
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: finish }];
  return { ...head, object: "chat.completion.chunk", choices };
}

/** What comes after the last piece, if it was asked for. */
export const usageChunk = (kind: Asked["kind"], head: Head, usage: Usage): object => ({
  ...head,
  object: kind === "chat.completion" ? "chat.completion.chunk" : kind,
  choices: [],
  usage,
});

/** One event of the stream. */
export const sse = (data: object): string => `data: ${JSON.stringify(data)}\n\n`;
export const SSE_END = "data: [DONE]\n\n";
