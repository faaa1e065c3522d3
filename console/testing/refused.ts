// What an answer of the fake pool is given, what it may be, and how it refuses.
import type { CallReply, EndpointName } from "@tequio/contract";

export interface Input {
  /** Name of who asks. */
  readonly caller: string;
  /** Address of the fake pool. */
  readonly url: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | number | undefined>>;
  readonly body: Readonly<Record<string, unknown>>;
}

export type Answers = {
  readonly [N in EndpointName]?: (input: Input) => CallReply<N> | Promise<CallReply<N>>;
};

/** Thrown inside an answer for a refusal. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string;
  constructor(status: number, code: string, message: string, hint: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
  }
}

/** The value, or a refusal that says what does not exist. */
export function found<T>(value: T | undefined, what: string): T {
  if (value !== undefined) return value;
  throw new Refused(404, "NOT_FOUND", `${what} does not exist.`, "Look at the list.");
}
