// The refusals that every store gives, so that all stores say the same thing in the same words.
// Which trouble of an engine or file system becomes which refusal is decided beside that engine.
import { type Refusal, refuse } from "@tequio/core/pool";

/** `at` carries the sequence number of the first record that cannot be trusted. */
export const journalCorrupt = (seq: number, what: string): Refusal =>
  refuse(
    "JOURNAL_CORRUPT",
    `Record ${seq} of the journal cannot be trusted: ${what}.`,
    "Keep the data folder as it is and restore it from a backup.",
    String(seq),
  );

/** `at` carries the sequence number of the journal's head. */
export const sequenceConflict = (expectedSeq: number, headSeq: number): Refusal =>
  refuse(
    "SEQUENCE_CONFLICT",
    `The journal's head is record ${headSeq}, not ${expectedSeq}.`,
    "Read the records after yours, decide again, then append.",
    String(headSeq),
  );

/** `at` carries the number of the archive's newest batch. */
export const archiveConflict = (batch: number, last: number): Refusal =>
  refuse(
    "SEQUENCE_CONFLICT",
    `Batch ${batch} does not follow batch ${last} of the archive.`,
    "Restart the control plane: it makes the archive anew from the journal.",
    String(last),
  );

/** `what` is what found no space, such as "a blob". */
export const storeFull = (what: string): Refusal =>
  refuse(
    "STORE_FULL",
    `There is no space left for ${what}; nothing of it was kept.`,
    "Free space on the disk of the data folder or raise its quota, then try again.",
  );

/** `what` is a whole sentence that says what failed. */
export const storeUnwritable = (what: string): Refusal =>
  refuse(
    "STORE_UNWRITABLE",
    what,
    "Check the data folder's path, owner, permissions and disk, then start again.",
  );

/** `at` carries the other process when its number is known. */
export const storeLocked = (pid: number | undefined): Refusal =>
  refuse(
    "STORE_LOCKED",
    pid === undefined
      ? "Another process uses this data folder."
      : `Process ${pid} uses this data folder.`,
    "Stop the other control plane, or give this one its own data folder.",
    pid === undefined ? undefined : `process ${pid}`,
  );

/** Format numbers of the data folder and of this program. */
export const storeNewer = (found: number, known: number): Refusal =>
  refuse(
    "STORE_NEWER",
    `The data folder has format ${found}; this program knows formats up to ${known}.`,
    "Start the newer version of the program that wrote it.",
  );

/** For the target of a copy that was interrupted; `place` is a folder or a database. */
export const storeIncomplete = (place: string): Refusal =>
  refuse(
    "STORE_INCOMPLETE",
    `${place} holds a copy that was not finished.`,
    "Remove the folder, or in the database DROP SCHEMA tequio CASCADE, and copy again.",
  );

/** For the target of a copy that holds something already. */
export const storeNotEmpty = (place: string): Refusal =>
  refuse(
    "STORE_NOT_EMPTY",
    `${place} holds a pool already.`,
    "Give a folder or database that is empty; nothing was changed.",
  );

/** For whoever comes after the store was closed. */
export const storeClosed = (): Refusal =>
  refuse("SHUTTING_DOWN", "The store is closed.", "Try again when the control plane runs again.");

/** Sizes in bytes; `what` begins the sentence. */
export const tooLarge = (what: string, bytes: number, bytesMax: number): Refusal =>
  refuse(
    "TOO_LARGE",
    `${what} has ${bytes} bytes; the limit is ${bytesMax}.`,
    "Send less at once, or store large data as a blob.",
  );

/** For text from outside that is no digest. */
export const badDigest = (digest: string): Refusal =>
  refuse(
    "INVALID_REQUEST",
    `"${digest.slice(0, 80)}" is not a digest.`,
    "Write sha256: and 64 lower-case hexadecimal digits.",
  );

/** `found` is the digest of the bytes that came. */
export const digestMismatch = (expected: string, found: string): Refusal =>
  refuse(
    "DIGEST_MISMATCH",
    `The bytes have the digest ${found}, not ${expected}.`,
    "Send the bytes again from the beginning.",
  );

/** For a digest under which no blob lies. */
export const blobUnknown = (digest: string): Refusal =>
  refuse("NOT_FOUND", `There is no blob ${digest}.`, "Upload it first, or check the digest.");

/** For an upload that was not begun, or is over. */
export const uploadUnknown = (digest: string): Refusal =>
  refuse("NOT_FOUND", `There is no upload of ${digest}.`, "Begin the upload first.");

/** `at` carries the offset at which the upload goes on. */
export const wrongOffset = (given: number, right: number): Refusal =>
  refuse(
    "WRONG_OFFSET",
    `The upload continues at byte ${right}, not at ${given}.`,
    `Send the bytes from ${right} on.`,
    String(right),
  );

/** A range must lie in the blob; it may be empty. Nothing when it is good. */
export function refuseRange(start: number, end: number, size: number): Refusal | undefined {
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(end);
  if (whole && start >= 0 && start <= end && end <= size) return undefined;
  return refuse(
    "RANGE_INVALID",
    `Bytes ${start} to ${end} do not lie in a blob of ${size} bytes.`,
    `Ask for a range from 0 to ${size}.`,
  );
}

/** For a beginning beyond the limit of open uploads. */
export const uploadsTooMany = (max: number): Refusal =>
  refuse("TOO_MANY", `${max} uploads are open already.`, "Finish or give up another upload first.");
