// The note in a backup: when it was made and at which record it ends, so that a backup that lost
// its end is never taken for a whole one.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Refusal, refuse } from "@tequio/core/pool";
import type { StoreSource } from "@tequio/stores";

export const NOTE = "backup.json";
export const NOTE_FORMAT = "tequio-backup-1";

/** Why the journal is not the one that the folder's note tells of; nothing without a note. */
export function whyNotNoted(folder: string, source: StoreSource): Refusal | undefined {
  const noted = readNote(folder);
  if (noted === undefined) return undefined;
  const { seq, hash } = source.journal.head();
  if (noted.seq === seq && noted.hash === hash) return undefined;
  return refuse(
    "JOURNAL_CORRUPT",
    `The backup was made at record ${String(noted.seq)}, but its journal ends at ${seq}.`,
    "Take another backup; this one was changed after it was made.",
    String(seq),
  );
}

function readNote(folder: string): { readonly seq?: unknown; readonly hash?: unknown } | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, NOTE), "utf8");
  } catch {
    return undefined; // A plain data folder.
  }
  try {
    const note: unknown = JSON.parse(text);
    return typeof note === "object" && note !== null ? note : {};
  } catch {
    return {};
  }
}
