// The agent's front door: takes the folder, finds or joins the site, runs it, and lets go of
// everything at the end. Trouble that another try would not change ends the agent with an outcome;
// it never loops on it.
import { type Outcome, ok, type Refusal } from "@tequio/core/pool";
import { siteClockMs } from "@tequio/engines";
import { SiteAgent } from "./agent.ts";
import { prepareFolder, readOrMakeKey, type SiteRecord } from "./folder.ts";
import { engineOfGeneration } from "./generation.ts";
import { takeLock } from "./lock.ts";
import { AGENT_TIMING, type AgentOptions, type AgentTiming } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { makeSay, type Say, sayRefusal } from "./say.ts";
import { findOrJoinSite, folderRefusal } from "./which-site.ts";

export interface AgentHandle {
  /** The site that runs; absent when the agent ended before it had one. */
  readonly site?: SiteRecord;
  /** Resolves when the agent has ended: ok after `stop`, otherwise with what ended it. */
  readonly stopped: Promise<Outcome<void>>;
  /** Whether the pool has welcomed this site and the connection stands. */
  readonly connected: () => boolean;
  /** Measures the site now and tells the pool. */
  readonly calibrate: () => Promise<Outcome<void>>;
  /** Ends the agent. Leases go on running for the next agent unless `keepJobs` is false: then
   * they are stopped with grace first. The engine is the caller's to close. */
  readonly stop: (how?: { readonly keepJobs?: boolean }) => Promise<void>;
}

/**
 * Runs the agent of one site. Returns when it has joined and dials its pool, or has ended already;
 * in both cases `stopped` tells the end. Refusals there: those of `findOrJoinSite`, WRONG_STATE
 * (another agent on the folder), STORE_UNWRITABLE, SITE_UNKNOWN, SIGNATURE_INVALID, TOKEN_REVOKED.
 */
export async function runAgent(options: AgentOptions): Promise<AgentHandle> {
  const say = makeSay(options.log);
  const timing = { ...AGENT_TIMING, ...options.timing };
  const prepared = prepareFolder(options.folder);
  if (!prepared.ok) return endedWith(say, prepared);
  let unlock = () => {};
  try {
    const locked = takeLock(options.folder);
    if (!locked.ok) return endedWith(say, locked);
    unlock = locked.value;
    return await runLocked(options, timing, say, unlock);
  } catch (error) {
    unlock();
    return endedWith(say, folderRefusal(options.folder, error));
  }
}

async function runLocked(
  options: AgentOptions,
  timing: AgentTiming,
  say: Say,
  unlock: () => void,
): Promise<AgentHandle> {
  const key = readOrMakeKey(options.folder);
  const engineName = options.engine.traits.name;
  const found = await findOrJoinSite({ options: { ...options, engineName }, key, timing, say });
  if (!found.ok) {
    unlock();
    return endedWith(say, found);
  }
  const site = found.value;
  const { promise: stopped, resolve } = Promise.withResolvers<Outcome<void>>();
  let ending: Promise<void> | undefined;
  const end = (keepJobs: boolean, outcome: Outcome<void>): Promise<void> => {
    ending ??= agent.stop(keepJobs).finally(() => {
      unlock();
      resolve(outcome);
    });
    return ending;
  };
  const agent = new SiteAgent({
    ...{ options, site, key, timing, say },
    generation: engineOfGeneration(options.engine, site.generation),
    outbox: new Outbox(options.folder, site.generation, say),
    siteClockMs: options.siteClockMs ?? siteClockMs,
    // The leases are left to the deadline: it is the pool's word that they are no longer wanted,
    // and nobody renews their right any more.
    onRefused: (refusal: Refusal) => {
      sayRefusal(say, "error", refusal);
      void end(true, refusal);
    },
  });
  return {
    site,
    stopped,
    connected: () => agent.connected,
    calibrate: () => agent.calibrate(),
    stop: (how = {}) => end(how.keepJobs ?? true, ok(undefined)),
  };
}

function endedWith(say: Say, refusal: Refusal): AgentHandle {
  sayRefusal(say, "error", refusal);
  return {
    stopped: Promise.resolve(refusal),
    connected: () => false,
    calibrate: async () => refusal,
    stop: async () => {},
  };
}
