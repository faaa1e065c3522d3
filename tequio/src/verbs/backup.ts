// `tequio backup`: a verified copy of a pool, made while it runs. A backup is a data folder of its
// own with a note of what it holds; `tequio restore` is in restore.ts.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type Command, DATA_DEFAULT, Option, type Shell, type VerbEnd } from "@tequio/cli";
import { type Outcome, ok } from "@tequio/core/pool";
import type { Copied } from "@tequio/stores";
import { isBackupFile, packFolder, taken } from "./backup-file.ts";
import { NOTE, NOTE_FORMAT } from "./backup-note.ts";
import { makeFolder } from "./folder.ts";
import {
  addBackupBlobFlags,
  type BackupBlobFlags,
  blobsPlaceOf,
  placeFromFlags,
} from "./store-blobs.ts";
import { both, copyPlace, report } from "./store-copying.ts";
import { placeOf } from "./store-places.ts";

interface Flags extends BackupBlobFlags {
  readonly data: string;
  readonly store?: string;
}

/** Adds the flags and the action of `tequio backup`. */
export function define(command: Command, shell: Shell): void {
  addBackupBlobFlags(command);
  command
    .argument("<target>", "A folder that is empty or not there, or a new FILE.tar, FILE.tar.gz")
    .option("--data <dir>", "Data folder of the pool", DATA_DEFAULT)
    .addOption(new Option("--store <url>", "Database of the pool").env("TEQUIO_STORE"))
    .addHelpText(
      "after",
      "\nThe pool may run meanwhile; what it acknowledged before the start is in the backup. It" +
        "\nholds the pool's keys and its operator's token: keep it as you keep those. Blobs in a" +
        "\nbucket come along; with --backup-blobs they go to another bucket instead.",
    )
    .action(shell.act((to: string) => run(to, command.opts<Flags>(), shell)));
}

async function run(to: string, flags: Flags, shell: Shell): Promise<VerbEnd> {
  const path = resolve(shell.terminal.cwd, to);
  if (!isBackupFile(to)) return copyTo(to, to, flags, shell);
  if (existsSync(path)) return taken(path);
  const parent = makeFolder(dirname(path), "the backup's path");
  if (!parent.ok) return parent;
  const scratch = mkdtempSync(join(dirname(path), ".tequio-scratch-"));
  const folder = join(scratch, "backup");
  try {
    return await copyTo(folder, path, flags, shell, () => packFolder(folder, path));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Makes the backup in `folder`, lets `pack` finish it, and tells of it as `said`. */
async function copyTo(
  folder: string,
  said: string,
  flags: Flags,
  shell: Shell,
  pack: () => Promise<Outcome<undefined>> = async () => ok(undefined),
): Promise<VerbEnd> {
  const { cwd } = shell.terminal;
  const places = both(
    await placeOf(flags.store ?? flags.data, flags.data, cwd),
    await placeOf(folder, flags.data, cwd),
  );
  if (!places.ok) return places;
  const ends = { from: places.value.a, to: places.value.b };
  const own = placeFromFlags(flags.blobs, flags.blobsEndpoint);
  const from = blobsPlaceOf(ends.from.data, own);
  if (!from.ok) return from;
  const kept = placeFromFlags(flags.backupBlobs, flags.backupBlobsEndpoint) ?? {};
  const blobs = { from: from.value, to: kept, flags: { from: "--blobs", to: "--backup-blobs" } };
  const copied = await copyPlace({ ...ends, blobs, source: "running" }, shell);
  if (!copied.ok) return copied;
  if (ends.to.url === undefined) writeNote(ends.from.said, ends.to.data, copied.value, shell);
  const packed = await pack();
  if (!packed.ok) return packed;
  const next = `Bring it back: \`tequio restore ${said} --data DIR\`.`;
  return report({ from: ends.from, to: { ...ends.to, said }, blobs }, copied.value, next, shell);
}

function writeNote(from: string, folder: string, copied: Copied, shell: Shell): void {
  const { seq, hash, blobs, blobBytes } = copied;
  const madeAt = new Date(shell.terminal.nowMs()).toISOString();
  const note = { format: NOTE_FORMAT, madeAt, from, version: shell.version };
  const text = JSON.stringify({ ...note, seq, hash, blobs, blobBytes }, undefined, 2);
  writeFileSync(join(folder, NOTE), `${text}\n`, { flush: true, mode: 0o600 });
}
