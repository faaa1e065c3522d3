// Which site a folder is: the one that it joined before, or a new one when it was given a join
// token that it has not used yet. It leaves the joining to join.ts, and loads it only for that.
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import { hashOfToken, prepareFolder, readOrMakeKey, readSite, type SiteRecord } from "./folder.ts";
import type { JoinContext } from "./join.ts";
import { takeLock } from "./lock.ts";
import { AGENT_TIMING, type AgentTiming, type JoinOptions } from "./options.ts";
import { makeSay, whyOf } from "./say.ts";
import { trustCertificate } from "./trust.ts";

const NO_SITE_HINT = "Ask the pool's operator for a join token and start with --join TOKEN.";

/**
 * The site of the folder, joined now if it must be. A token that was used for this folder before
 * changes nothing, so that a service may always be started with it.
 * Refusals: those of `joinWith`, NOT_FOUND (no site and no token), WRONG_STATE (damaged).
 */
export async function findOrJoinSite(context: JoinContext): Promise<Outcome<SiteRecord>> {
  const { folder, joinToken } = context.options;
  const read = readSite(folder);
  if (!read.ok) return read;
  const site = read.value;
  if (site?.certificate !== undefined) trustCertificate(site.certificate);
  if (joinToken !== undefined && site?.tokenHash !== hashOfToken(joinToken)) {
    const { joinWith } = await import("./join.ts");
    return joinWith(context, joinToken, site);
  }
  if (site !== undefined) return ok(site);
  return refuse("NOT_FOUND", `The folder ${folder} has no site yet.`, NO_SITE_HINT);
}

/**
 * As `findOrJoinSite`, for a process that only prepares the folder for the agent's own: the key is
 * made, the folder is locked meanwhile, and free again afterwards.
 * Further refusals: WRONG_STATE (an agent runs on the folder), STORE_UNWRITABLE.
 */
export async function prepareSite(
  options: JoinOptions,
  log: (line: string) => void,
  timing: Partial<AgentTiming> = {},
): Promise<Outcome<SiteRecord>> {
  const { folder } = options;
  const prepared = prepareFolder(folder);
  if (!prepared.ok) return prepared;
  let unlock = () => {};
  try {
    const locked = takeLock(folder);
    if (!locked.ok) return locked;
    unlock = locked.value;
    const key = readOrMakeKey(folder);
    const say = makeSay(log);
    return await findOrJoinSite({ options, key, timing: { ...AGENT_TIMING, ...timing }, say });
  } catch (error) {
    return folderRefusal(folder, error);
  } finally {
    unlock();
  }
}

/** What an agent says about a folder that it cannot work in. */
export const folderRefusal = (folder: string, error: unknown) =>
  refuse(
    "STORE_UNWRITABLE",
    `The agent cannot use the folder ${folder} (${whyOf(error)}).`,
    "Look at the space and the permissions of the folder.",
  );
