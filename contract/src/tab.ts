// What the page of a contributing browser tab and the worker behind it say to each other. Types
// only: both are of one build.

/** From the page to the site's worker. */
export type PageOrder =
  | { readonly kind: "start"; readonly poolUrl: string; readonly joinToken: string }
  | { readonly kind: "pause" }
  | { readonly kind: "resume" }
  | { readonly kind: "stop" };

export type SitePhase = "joining" | "waiting" | "training" | "paused" | "stopped" | "refused";

/** All that the page shows; sent whole whenever something of it changed. */
export interface SiteNews {
  readonly phase: SitePhase;
  /** One sentence: what it waits for, or why it was refused. */
  readonly why?: string;
  readonly member?: string;
  readonly siteId?: string;
  /** Name of the engine, e.g. `WebGPU` or `WebAssembly, 2 threads`. */
  readonly engine?: string;
  readonly connected: boolean;
  /** Of the run that is trained. */
  readonly run?: {
    readonly jobId: string;
    readonly name: string;
    readonly parameters: number;
    readonly round: number;
    readonly loss: number;
  };
  /** Contributions that the pool has taken, and what was in them. */
  readonly rounds: number;
  readonly tokens: number;
  readonly tokensPerSecond: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Device time that leases were held, which is what the pool counts and pays. */
  readonly deviceMs: number;
}
