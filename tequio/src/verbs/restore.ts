// `tequio restore`: makes a pool from a backup, whole or as it was at one record of its journal.
// The backup itself is only read.
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Command, DATA_DEFAULT, Option, type Shell, type VerbEnd } from "@tequio/cli";
import { isBackupFile, unpackFile } from "./backup-file.ts";
import { whyNotNoted } from "./backup-note.ts";
import { whole } from "./flags.ts";
import {
  addBackupBlobFlags,
  type BackupBlobFlags,
  blobsPlaceOf,
  placeFromFlags,
} from "./store-blobs.ts";
import { both, copyPlace, report } from "./store-copying.ts";
import { makeScratch, placeOf } from "./store-places.ts";

interface Flags extends BackupBlobFlags {
  readonly data: string;
  readonly store?: string;
  readonly until?: number;
}

/** Adds the flags and the action of `tequio restore`. */
export function define(command: Command, shell: Shell): void {
  addBackupBlobFlags(command);
  command
    .argument("<backup>", "Folder or file that `tequio backup` made")
    .option("--data <dir>", "Data folder of the new pool: empty", DATA_DEFAULT)
    .addOption(new Option("--store <url>", "Empty database of the new pool").env("TEQUIO_STORE"))
    .option("--until <seq>", "Leave out every record after this one", whole)
    .addHelpText(
      "after",
      "\n`--until` goes back to a moment: GET /v1/events names the number of every record. Sites" +
        "\nthat are told other things than the pool remembers stop their jobs.",
    )
    .action(shell.act((from: string) => run(from, command.opts<Flags>(), shell)));
}

async function run(backup: string, flags: Flags, shell: Shell): Promise<VerbEnd> {
  const path = resolve(shell.terminal.cwd, backup);
  if (!isBackupFile(backup)) return copyFrom(backup, backup, flags, shell);
  const data = resolve(shell.terminal.cwd, flags.data);
  const scratch = makeScratch({ said: data, data });
  if (!scratch.ok) return scratch;
  try {
    const folder = join(scratch.value, "backup");
    const unpacked = await unpackFile(path, folder);
    return unpacked.ok ? await copyFrom(folder, path, flags, shell) : unpacked;
  } finally {
    rmSync(scratch.value, { recursive: true, force: true });
  }
}

/** Restores from a folder, and tells of it as `said`. */
async function copyFrom(
  folder: string,
  said: string,
  flags: Flags,
  shell: Shell,
): Promise<VerbEnd> {
  const { cwd } = shell.terminal;
  const places = both(
    await placeOf(folder, flags.data, cwd),
    await placeOf(flags.store ?? flags.data, flags.data, cwd),
  );
  if (!places.ok) return places;
  const ends = { from: { ...places.value.a, said }, to: places.value.b };
  const kept = placeFromFlags(flags.backupBlobs, flags.backupBlobsEndpoint);
  const from = blobsPlaceOf(ends.from.data, kept);
  if (!from.ok) return from;
  const own = placeFromFlags(flags.blobs, flags.blobsEndpoint) ?? {};
  const blobs = { from: from.value, to: own, flags: { from: "--backup-blobs", to: "--blobs" } };
  const copied = await copyPlace(
    {
      ...ends,
      blobs,
      source: "running", // Reads only: a backup may lie where nothing can be written.
      check: (source) => whyNotNoted(ends.from.data, source),
      ...(flags.until === undefined ? {} : { untilSeq: flags.until }),
    },
    shell,
  );
  if (!copied.ok) return copied;
  const store = ends.to.url === undefined ? "" : " --store URL";
  const next = `Start it: \`tequio up${store} --data ${ends.to.data}\`.`;
  return report({ ...ends, blobs }, copied.value, next, shell);
}
