// Snapshots as files: `<folder>/<sequence number>.snapshot`, one line of JSON and then the bytes.
// The line names the journal's hash at that record, so that a snapshot of another journal is
// never taken for ours. When to take one is left to the server.
import { createHash, hash } from "node:crypto";
import { open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { assert, type Outcome, ok } from "@tequio/core/pool";
import { SNAPSHOT_BYTES_MAX, SNAPSHOTS_KEPT } from "../limits.ts";
import type { Snapshot, SnapshotInput, SnapshotStore } from "../port.ts";
import { tooLarge } from "../refusals.ts";
import { fileTrouble, makeFolder, publish, removeBySuffix, writeAll } from "./durable.ts";

const FILE_NAME = /^(\d{16})\.snapshot$/;
const TEMP_SUFFIX = ".tmp";
/** The line before the bytes is under 300 characters; a longer one is not ours. */
const HEADER_BYTES_MAX = 1_024;

interface Header {
  readonly format: "tequio-snapshot-1";
  readonly seq: number;
  readonly formatVersion: number;
  readonly chainHash: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** The journal's hash at a record, or nothing when the journal has no such record. */
export type HashAt = (seq: number) => string | undefined | Promise<string | undefined>;

export interface SnapshotFolder {
  readonly snapshots: SnapshotStore;
  readonly tempFilesRemoved: number;
  /** Compares the snapshots' first lines with the journal. `baseSeq`: the newest that belongs to
   * it, 0 without one. `aheadSeq`: one of a record that the journal has lost. */
  compare(headSeq: number): Promise<{ readonly baseSeq: number; readonly aheadSeq?: number }>;
}

const fileName = (seq: number): string => `${String(seq).padStart(16, "0")}.snapshot`;

/** Opens the snapshots in a folder that no other process may use. Throws file system errors. */
export async function openSnapshotFolder(folder: string, hashAt: HashAt): Promise<SnapshotFolder> {
  await makeFolder(folder);
  const tempFilesRemoved = await removeBySuffix(folder, TEMP_SUFFIX);
  const newestFirst = async (): Promise<readonly number[]> =>
    (await readdir(folder))
      .flatMap((name) => FILE_NAME.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => b - a);
  let turn: Promise<unknown> = Promise.resolve();

  const snapshots: SnapshotStore = {
    put(snapshot) {
      const next = turn.then(async () => {
        const chainHash = await hashAt(snapshot.seq);
        assert(chainHash !== undefined, "a snapshot is not ahead of its journal");
        const done = await writeSnapshot(folder, snapshot, chainHash);
        if (done.ok) {
          const old = (await newestFirst()).slice(SNAPSHOTS_KEPT);
          for (const seq of old) await rm(join(folder, fileName(seq)), { force: true });
        }
        return done;
      });
      turn = next.catch(() => undefined);
      return next;
    },
    async latest() {
      const skipped: number[] = [];
      for (const seq of await newestFirst()) {
        const found = await readSnapshot(join(folder, fileName(seq)), seq, hashAt);
        if (found !== undefined) return ok({ ...found, skipped });
        skipped.push(seq);
      }
      return ok(undefined);
    },
  };
  return {
    snapshots,
    tempFilesRemoved,
    async compare(headSeq) {
      for (const seq of await newestFirst()) {
        const header = await readHeader(join(folder, fileName(seq)));
        if (header === undefined || header.seq !== seq) continue;
        if (seq > headSeq) return { baseSeq: 0, aheadSeq: seq };
        if (header.chainHash === (await hashAt(seq))) return { baseSeq: seq };
      }
      return { baseSeq: 0 };
    },
  };
}

async function writeSnapshot(
  folder: string,
  snapshot: SnapshotInput,
  chainHash: string,
): Promise<Outcome<{ seq: number }>> {
  const { seq, formatVersion, bytes } = snapshot;
  if (bytes.length > SNAPSHOT_BYTES_MAX) {
    return tooLarge("A snapshot", bytes.length, SNAPSHOT_BYTES_MAX);
  }
  const header: Header = {
    format: "tequio-snapshot-1",
    seq,
    formatVersion,
    chainHash,
    bytes: bytes.length,
    sha256: await hashInTurns(bytes),
  };
  const line = Buffer.from(`${JSON.stringify(header)}\n`);
  const path = join(folder, fileName(seq));
  const temp = `${path}${TEMP_SUFFIX}`;
  try {
    const handle = await open(temp, "w");
    try {
      await writeAll(handle, line, 0);
      await writeAll(handle, bytes, line.length);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await publish(temp, path);
    return ok({ seq });
  } catch (error) {
    return fileTrouble(error, "a snapshot");
  } finally {
    await rm(temp, { force: true });
  }
}

/** Bytes hashed in one turn of the event loop: a few milliseconds. */
const HASH_TURN_BYTES = 4_194_304;

/** SHA-256 of what may be hundreds of megabytes, while others get their turns. */
async function hashInTurns(bytes: Uint8Array): Promise<string> {
  const digest = createHash("sha256");
  for (let from = 0; from < bytes.length; from += HASH_TURN_BYTES) {
    digest.update(bytes.subarray(from, from + HASH_TURN_BYTES));
    await new Promise((turn) => setImmediate(turn));
  }
  return digest.digest("hex");
}

/** The first line of the file; nothing when it is not one of ours. */
function parseHeader(line: string): Header | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const ours = typeof value === "object" && value !== null && "format" in value;
    return ours && value.format === "tequio-snapshot-1" ? (value as Header) : undefined;
  } catch {
    return undefined;
  }
}

async function readHeader(path: string): Promise<Header | undefined> {
  const handle = await open(path, "r");
  try {
    const buffer = Buffer.alloc(HEADER_BYTES_MAX);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    const end = buffer.subarray(0, bytesRead).indexOf("\n");
    return end < 0 ? undefined : parseHeader(buffer.toString("utf8", 0, end));
  } finally {
    await handle.close();
  }
}

async function readSnapshot(
  path: string,
  seq: number,
  hashAt: HashAt,
): Promise<Omit<Snapshot, "skipped"> | undefined> {
  const file = await readFile(path);
  const end = file.subarray(0, HEADER_BYTES_MAX).indexOf("\n");
  const header = end < 0 ? undefined : parseHeader(file.toString("utf8", 0, end));
  if (header === undefined || header.seq !== seq) return undefined;
  const bytes = file.subarray(end + 1);
  const intact = bytes.length === header.bytes && hash("sha256", bytes) === header.sha256;
  const ours = header.chainHash === (await hashAt(seq));
  return intact && ours ? { seq, formatVersion: header.formatVersion, bytes } : undefined;
}
