// What `tequio simulate` was asked for, as its flags say it and as it goes to the thread that
// plays it: plain values only.
import type { Outcome, Refusal } from "@tequio/core/pool";
import type { Report } from "@tequio/core/simulator";
import type { StoreSource } from "@tequio/stores";

export const TRACE_FORMATS = ["openb", "philly", "gavel", "swf", "journal"] as const;
export type TraceFormat = (typeof TRACE_FORMATS)[number];

export interface SimulateRequest {
  /** A trace's file; absolute. */
  readonly trace?: string;
  /** What the trace is called in the report. */
  readonly traceSaid?: string;
  readonly format?: TraceFormat;
  /** Data folder or database of a pool whose journal is the trace. */
  readonly store?: string;
  readonly generate?: string;
  readonly cluster?: string;
  /** As it was typed. */
  readonly clusterSaid?: string;
  readonly policies: readonly string[];
  readonly seed: number;
  readonly without: readonly (readonly string[])[];
  readonly pools: readonly (readonly string[])[];
  readonly scales: readonly number[];
  readonly lossS: number;
  /** Time limit of jobs whose trace names none. */
  readonly limitS?: number;
  /** Seconds between passes of the production scheduler; absent: by the length of the trace. */
  readonly passS?: number;
  readonly skipTooLarge: boolean;
  readonly owner: "auto" | "group" | "user" | "queue" | "partition";
  /** Gavel: arrivals an hour, and the table of speeds. */
  readonly rate?: number;
  readonly speeds?: string;
  readonly moveCostS: number;
  /** openb: ready orders of arrival. */
  readonly arrivals?: string;
  /** The command that repeats it. */
  readonly command: string;
  readonly cwd: string;
}

/** What the thread tells. */
export type Told =
  | { readonly type: "progress"; readonly what: string; readonly done: number; readonly of: number }
  | { readonly type: "report"; readonly report: Report }
  | { readonly type: "refused"; readonly refusal: Refusal };

export type OnProgress = (what: string, done: number, of: number) => void;

/** What playing needs from outside. */
export interface Ports {
  readonly onProgress: OnProgress;
  /** Opens the store of a pool for reading, by way of a scratch folder; it may be in use. */
  readonly openStore: (
    place: string,
    where: { readonly cwd: string; readonly scratch: string },
  ) => Promise<Outcome<{ readonly source: StoreSource; readonly said: string }>>;
}
