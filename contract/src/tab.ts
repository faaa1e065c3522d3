// What the page of a contributing browser tab and the worker behind it say to each other, which
// needs no checks since both are of one build; and what the page says to the pool.
import { z } from "zod";

/** From the page of a link before anybody agreed to anything. */
export const TabQuestion = z.strictObject({ joinToken: z.string().max(4_096) });

/** What a link is for, so that its page can say what is asked for. */
export interface TabInvitation {
  readonly pool: string;
  readonly member: string;
  /** Some browser opened it before: only that one can go on. */
  readonly joined: boolean;
  /** Some of the runs that a tab of this member would take part in now. */
  readonly runs: readonly {
    readonly name: string;
    readonly project: string;
    /** Null until its first model is made. */
    readonly parameters: number | null;
  }[];
  /** Runs beyond those. */
  readonly moreRuns: number;
  /** When the owner lends at all; absent: always. */
  readonly hours?: string;
  /** The owner's bounds on the link. */
  readonly bandwidth: readonly {
    readonly upMbitPerS?: number;
    readonly downMbitPerS?: number;
    readonly hours?: string;
  }[];
}

/** The page is closed: what its worker signed for this when it connected. */
export const TabFarewell = z.strictObject({
  siteId: z.string().max(80),
  /** Of the challenge of the connection that this ends. */
  nonce: z.string().max(80),
  /** Ed25519 over `leaveText`, base64. */
  signature: z.string().max(1_024),
});
export type TabFarewell = z.infer<typeof TabFarewell>;

/** From the page to the site's worker. */
export type PageOrder =
  | {
      readonly kind: "start";
      readonly poolUrl: string;
      readonly joinToken: string;
      /** Threads that the person at the machine allows. */
      readonly threads: number;
    }
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
  /** What the owner bounds at this hour, in words. */
  readonly limits?: string;
  readonly connected: boolean;
  /** What the page sends to the pool when it is closed while connected. */
  readonly farewell?: TabFarewell;
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
