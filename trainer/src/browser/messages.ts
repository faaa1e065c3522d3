// What the two workers of a tab say to each other; what the page says is in the contract.
import type { Answer, Question } from "./calls.ts";

/** From the site's worker to the computing one, which it starts for each lease. */
export type ComputeOrder =
  | { readonly kind: "start"; readonly engineUrl: string; readonly threads: number }
  | { readonly kind: "stop" }
  | Answer;

export type ComputeNews =
  | Question
  | { readonly kind: "engine"; readonly name: string }
  | { readonly kind: "log"; readonly line: string }
  /** `error` is absent when the run has no more for this site. */
  | { readonly kind: "over"; readonly error?: string };
