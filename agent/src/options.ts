// What the composition root hands to the agent, and how often the agent does what. Everything
// that waits has its time here, so that tests can shorten it. It leaves the doing to agent.ts.
import { LIMITS } from "@tequio/core/pool";
import type { Engine } from "@tequio/engines";

/** Periods and bounds of the agent, in milliseconds. */
export interface AgentTiming {
  /** First pause before the agent dials again; it doubles with every failure. */
  readonly redialFirstMs: number;
  /** Longest pause between two dials: a pool that was down is served again within this time. */
  readonly redialMaxMs: number;
  /** Time for dialling, challenge, hello and welcome together. */
  readonly handshakeMs: number;
  /** A connection on which nothing was heard for this long counts as broken. */
  readonly silentMs: number;
  /** How long the first join waits for a pool that does not answer, before it gives up. */
  readonly joinForMs: number;
  /** Leases are compared with the engine this often even when nothing happens. */
  readonly reconcileMs: number;
  /** Logs are read this often while leases run. */
  readonly logPollMs: number;
  /** A report or log chunk without an answer is sent again after this long. */
  readonly resendMs: number;
  /** Logs that the pool never takes are given up after this long. */
  readonly logGiveUpMs: number;
  /** The inventory is looked at this often. */
  readonly inventoryMs: number;
  /** The site is measured this often. */
  readonly calibrateEveryMs: number;
  /** How long the matrix product, the memory copy and each way of the link are measured. */
  readonly gemmMs: number;
  readonly memoryMs: number;
  readonly probeMs: number;
}

/** The times of a real agent; together the measuring takes at most about 5 s. */
export const AGENT_TIMING: AgentTiming = {
  redialFirstMs: 500,
  redialMaxMs: 30_000,
  handshakeMs: 10_000,
  silentMs: LIMITS.SITE_SILENT_MS,
  joinForMs: 10_000,
  reconcileMs: 2_000,
  logPollMs: 300,
  resendMs: 30_000,
  logGiveUpMs: 600_000,
  inventoryMs: 60_000,
  calibrateEveryMs: 86_400_000,
  gemmMs: 1_000,
  memoryMs: 500,
  probeMs: 1_000,
};

/** A certificate with its chain, and its private key. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** What finding or joining the site of a folder takes. */
export interface JoinOptions {
  /** The agent's own data folder; made with mode 0700. */
  readonly folder: string;
  /** Address of the pool; absent: the join token's, later the one that was joined. */
  readonly poolUrl?: string;
  /** Needed once, for a folder that has no site yet. */
  readonly joinToken?: string;
  /** PEM files of the certificate that the site shows to its pool; read at every dial, so that
   * they can be renewed while the agent runs. */
  readonly tls?: TlsFiles;
  /** Name of the engine that the site will have. */
  readonly engineName: string;
  readonly version: string;
  /** From 0 to 1, for the jitter of redialling. */
  readonly random?: () => number;
}

export interface AgentOptions extends Omit<JoinOptions, "engineName"> {
  readonly engine: Engine;
  /** Programs that Tequio brings along, e.g. `tequio:trainer` -> [node, path]. */
  readonly builtins: Readonly<Record<string, readonly string[]>>;
  /** Runs calibrate.ts; the agent appends two durations in milliseconds. */
  readonly calibrationCommand: readonly string[];
  /** Runs probe.ts, so that this process keeps nothing of the transfers; absent: they are made in
   * this process. */
  readonly probeCommand?: readonly string[];
  /** Takes one readable line: a level, a sentence, then `key=value` pairs. */
  readonly log: (line: string) => void;
  /** Wall clock, only for the age of a calibration. */
  readonly nowMs?: () => number;
  /** The clock of the engine's deadlines: `siteClockMs` of the engines. */
  readonly siteClockMs?: () => number;
  readonly timing?: Partial<AgentTiming>;
}
