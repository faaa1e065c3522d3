// Where the blobs of one end of a copy lie, as flags say it or as the pool's data folder remembers
// it: a pool that keeps them in a bucket must not be copied without them in silence.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "@tequio/cli";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import { type BlobsPlace, openBlobsAt } from "../blobs-place.ts";

/** Beside the journal, so that the verbs find the blobs where the control plane keeps them. */
export const BLOBS_NOTE = "blobs-place.json";
/** How a user says that the blobs lie in the data folder again. */
const IN_FOLDER = "folder";

/** Adds the flags `--WORD` and `--WORD-endpoint`; `whose` says in the help what they are about. */
export function addPlaceFlags(command: Command, word: string, whose: string): void {
  command
    .option(`--${word} <place>`, `Bucket of ${whose}, s3://BUCKET/PREFIX, or \`folder\``)
    .option(`--${word}-endpoint <url>`, `S3-compatible server of --${word}; default: AWS`);
}

/** Flags of `backup` and `restore`: buckets of the pool and of the backup. */
export interface BackupBlobFlags extends BlobsPlace {
  readonly backupBlobs?: string;
  readonly backupBlobsEndpoint?: string;
}

/** Adds them. */
export function addBackupBlobFlags(command: Command): void {
  addPlaceFlags(command, "blobs", "the pool's blobs");
  addPlaceFlags(command, "backup-blobs", "the backup's blobs");
}

/** A bucket as flags name it; undefined when they say nothing. */
export function placeFromFlags(
  blobs: string | undefined,
  blobsEndpoint: string | undefined,
): BlobsPlace | undefined {
  if (blobs === undefined && blobsEndpoint === undefined) return undefined;
  if (blobs === IN_FOLDER && blobsEndpoint === undefined) return {};
  return {
    ...(blobs === undefined ? {} : { blobs }),
    ...(blobsEndpoint === undefined ? {} : { blobsEndpoint }),
  };
}

/** What the flags say, or else what the data folder remembers. Refuses STORE_UNWRITABLE. */
export function blobsPlaceOf(data: string, said: BlobsPlace | undefined): Outcome<BlobsPlace> {
  if (said !== undefined) return ok(said);
  const path = join(data, BLOBS_NOTE);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return ok({}); // A pool whose blobs lie in its folder has no note.
  }
  const place = parseNote(text);
  return place === undefined
    ? refuse("STORE_UNWRITABLE", `${path} is damaged.`, "Say where the blobs lie with --blobs.")
    : ok(place);
}

function parseNote(text: string): BlobsPlace | undefined {
  try {
    const { blobs, blobsEndpoint } = JSON.parse(text) as Record<string, unknown>;
    if (typeof blobs !== "string") return undefined;
    if (blobsEndpoint !== undefined && typeof blobsEndpoint !== "string") return undefined;
    return placeFromFlags(blobs, blobsEndpoint);
  } catch {
    return undefined;
  }
}

/** Notes in the data folder where the blobs of its pool lie. */
export function rememberBlobs(data: string, place: BlobsPlace): void {
  const path = join(data, BLOBS_NOTE);
  const { blobs, blobsEndpoint } = place;
  if (blobs === undefined) rmSync(path, { force: true });
  else writeFileSync(path, `${JSON.stringify({ blobs, blobsEndpoint })}\n`, { mode: 0o600 });
}

/** True when both are one bucket: then nothing has to be copied. */
export const sameBucket = (a: BlobsPlace, b: BlobsPlace): boolean =>
  a.blobs !== undefined && a.blobs === b.blobs && a.blobsEndpoint === b.blobsEndpoint;

interface Closing {
  close(): Promise<void>;
}

/** An opened end of a copy with its blobs at the place; closes it when that cannot be opened. */
export async function endWithBlobs<T extends Closing>(
  opened: Outcome<T>,
  place: BlobsPlace,
  flag: string,
): Promise<Outcome<T>> {
  if (!opened.ok) return opened;
  const bucket = await openBlobsAt(place, flag);
  if (!bucket.ok) {
    await opened.value.close();
    return bucket;
  }
  const there = bucket.value;
  if (there === undefined) return opened;
  const close = async (): Promise<void> => {
    await opened.value.close();
    there.close();
  };
  return ok({ ...opened.value, blobs: there.blobs, close });
}
