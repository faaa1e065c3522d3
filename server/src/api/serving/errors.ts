// Refusals as clients of OpenAI's API know them. The codes of the pool that mean the same as one of
// theirs get their name; all others keep their own.
import type { Problem } from "@tequio/contract";

interface OpenAiError {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string;
}

const CODES: Readonly<Record<string, string>> = {
  UNAUTHENTICATED: "invalid_api_key",
  TOKEN_EXPIRED: "invalid_api_key",
  TOKEN_REVOKED: "invalid_api_key",
  NOT_FOUND: "model_not_found",
  PROMPT_TOO_LONG: "context_length_exceeded",
  TOO_MANY: "rate_limit_exceeded",
  INTERNAL: "server_error",
};

/** The error object of an answer with this status. */
export function openAiError(
  status: number,
  { code, message, hint, at }: Pick<Problem, "code" | "message" | "hint" | "at">,
): { readonly error: OpenAiError } {
  const known = Object.hasOwn(CODES, code) ? CODES[code]! : code;
  return {
    error: {
      ...{ message: `${message} ${hint}`, type: typeOf(status) },
      ...{ param: at ?? null, code: known },
    },
  };
}

function typeOf(status: number): string {
  if (status === 429) return "rate_limit_error";
  if (status === 403) return "permission_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}
