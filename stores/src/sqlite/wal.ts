// Looks at SQLite's write-ahead log before SQLite does. SQLite silently leaves out whatever
// follows the last whole commit; we want to say how much that was, and to refuse when it was
// something that had been acknowledged. Format: https://sqlite.org/fileformat2.html#walformat.
// Repairing is left to SQLite.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { errnoOf } from "../files/durable.ts";

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
/** The last bit of the magic number says in which byte order the checksums count. */
const MAGIC_LITTLE = 0x377f0682;
const MAGIC_BIG = 0x377f0683;
const FORMAT_VERSION = 3_007_000;
/** The first salt grows by one with every restart of the log; older frames are this near. */
const SALT_STEPS_MAX = 65_536;

export interface WalReport {
  /** Frames up to and with the last whole commit: what SQLite will use. */
  readonly committedFrames: number;
  /** Bytes behind them that were written after the log's last restart. */
  readonly lostBytes: number;
  readonly tail: "clean" | "uncommitted" | "damaged" | "cut";
  /** True when frames behind the damage prove that an acknowledged commit is among the lost. */
  readonly lostAcknowledged: boolean;
}

const EMPTY: WalReport = {
  committedFrames: 0,
  lostBytes: 0,
  tail: "clean",
  lostAcknowledged: false,
};

interface Sums {
  readonly s0: number;
  readonly s1: number;
}

interface WalHeader {
  readonly little: boolean;
  readonly pageSize: number;
  readonly salt0: number;
  readonly salt1: number;
  readonly sums: Sums;
  readonly intact: boolean;
}

/** One frame as it lies in the file; `sums` is what it claims. */
interface Frame {
  readonly commit: boolean;
  readonly blank: boolean;
  readonly salt0: number;
  readonly salt1: number;
  readonly sums: Sums;
}

/** SQLite's checksum: two running sums over pairs of 32-bit words. */
function checksum(from: Sums, bytes: Buffer, little: boolean): Sums {
  let { s0, s1 } = from;
  for (let at = 0; at < bytes.length; at += 8) {
    const a = little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
    const b = little ? bytes.readUInt32LE(at + 4) : bytes.readUInt32BE(at + 4);
    s0 = (s0 + a + s1) >>> 0;
    s1 = (s1 + b + s0) >>> 0;
  }
  return { s0, s1 };
}

const same = (a: Sums, b: Sums): boolean => a.s0 === b.s0 && a.s1 === b.s1;

function parseHeader(bytes: Buffer): WalHeader {
  const magic = bytes.readUInt32BE(0);
  const little = magic === MAGIC_LITTLE;
  const sums = { s0: bytes.readUInt32BE(24), s1: bytes.readUInt32BE(28) };
  const intact =
    (little || magic === MAGIC_BIG) &&
    bytes.readUInt32BE(4) === FORMAT_VERSION &&
    same(sums, checksum({ s0: 0, s1: 0 }, bytes.subarray(0, 24), little));
  return {
    little,
    pageSize: bytes.readUInt32BE(8),
    salt0: bytes.readUInt32BE(16),
    salt1: bytes.readUInt32BE(20),
    sums,
    intact,
  };
}

const parseFrame = (bytes: Buffer): Frame => ({
  commit: bytes.readUInt32BE(4) !== 0,
  blank: bytes.every((byte) => byte === 0),
  salt0: bytes.readUInt32BE(8),
  salt1: bytes.readUInt32BE(12),
  sums: { s0: bytes.readUInt32BE(16), s1: bytes.readUInt32BE(20) },
});

/** The sums that a frame must have when it follows one with the sums `from`. */
const frameSums = (from: Sums, bytes: Buffer, little: boolean): Sums =>
  checksum(
    checksum(from, bytes.subarray(0, 8), little),
    bytes.subarray(FRAME_HEADER_BYTES),
    little,
  );

const isCurrent = (frame: Frame, header: WalHeader): boolean =>
  frame.salt0 === header.salt0 && frame.salt1 === header.salt1;

/** A frame of the log's time before its restart: it was copied to the database long ago. */
const isOlder = (frame: Frame, header: WalHeader): boolean => {
  const steps = (header.salt0 - frame.salt0) >>> 0;
  return !frame.blank && steps >= 1 && steps <= SALT_STEPS_MAX;
};

/** Inspects the log beside a database that no process has open; nothing when there is none. */
export function inspectWal(path: string): WalReport | undefined {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    const bytes = fstatSync(file).size;
    if (bytes === 0) return undefined;
    if (bytes < HEADER_BYTES) return { ...EMPTY, lostBytes: bytes, tail: "cut" };
    const head = Buffer.alloc(HEADER_BYTES);
    readSync(file, head, 0, HEADER_BYTES, 0);
    const header = parseHeader(head);
    if (header.intact) return inspectFrames(file, bytes, header);
    // SQLite would ignore the whole log. The header is synced before the first frame is written,
    // so only a log that holds nothing yet may have a broken one.
    const lostAcknowledged = !isBlank(file, bytes);
    return { ...EMPTY, lostBytes: bytes, tail: "damaged", lostAcknowledged };
  } finally {
    closeSync(file);
  }
}

/** Only zeros behind the header: space that was reserved and never written. */
function isBlank(file: number, fileBytes: number): boolean {
  const bytes = Buffer.alloc(65_536);
  for (let at = HEADER_BYTES; at < fileBytes; ) {
    const count = readSync(file, bytes, 0, bytes.length, at);
    if (bytes.subarray(0, count).some((byte) => byte !== 0)) return false;
    at += count;
  }
  return true;
}

function inspectFrames(file: number, fileBytes: number, header: WalHeader): WalReport {
  const frameBytes = FRAME_HEADER_BYTES + header.pageSize;
  const frames = Math.floor((fileBytes - HEADER_BYTES) / frameBytes);
  const bytes = Buffer.alloc(frameBytes);
  let sums = header.sums;
  let whole = 0;
  let committedFrames = 0;
  for (; whole < frames; whole++) {
    readSync(file, bytes, 0, frameBytes, HEADER_BYTES + whole * frameBytes);
    const frame = parseFrame(bytes);
    sums = frameSums(sums, bytes, header.little);
    if (!isCurrent(frame, header) || !same(frame.sums, sums)) break;
    if (frame.commit) committedFrames = whole + 1;
  }
  const broken = inspectBroken({ file, fileBytes, frameBytes, header, whole, frames, sums });
  const lostUntil = Math.max(broken.until, HEADER_BYTES + whole * frameBytes);
  const lostBytes = lostUntil - HEADER_BYTES - committedFrames * frameBytes;
  const tail = lostBytes === 0 ? "clean" : broken.tail;
  return { committedFrames, lostBytes, tail, lostAcknowledged: broken.lostAcknowledged };
}

interface Rest {
  readonly file: number;
  readonly fileBytes: number;
  readonly frameBytes: number;
  readonly header: WalHeader;
  /** Number of the first frame that does not hold. */
  readonly whole: number;
  readonly frames: number;
  /** The sums that this frame should have had. */
  readonly sums: Sums;
}

/**
 * Reads what follows the whole frames. Frames of the log's earlier time are left aside; the end
 * of the last other one is `until`. With synchronous=FULL a commit is on the disk before the
 * next one is written, so a power loss can break one commit, the last: two commits in what is
 * broken mean that the first of them had been acknowledged.
 */
function inspectBroken(rest: Rest) {
  const { file, frameBytes, header } = rest;
  const bytes = Buffer.alloc(frameBytes);
  let until = 0;
  let commits = 0;
  let before: Sums | undefined;
  for (let at = rest.whole; at < rest.frames; at++) {
    readSync(file, bytes, 0, frameBytes, HEADER_BYTES + at * frameBytes);
    const frame = parseFrame(bytes);
    const end = HEADER_BYTES + (at + 1) * frameBytes;
    // The sums do not cover the salts: right sums under wrong salts are damaged salts.
    const saltsBroken = at === rest.whole && same(frame.sums, rest.sums);
    if (isCurrent(frame, header) || saltsBroken) {
      // The first broken frame may still say that it was a commit; a later one counts only when
      // it follows the sums of the one before it, so that noise is not taken for a commit.
      const holds =
        before === undefined || same(frame.sums, frameSums(before, bytes, header.little));
      if (frame.commit && holds) commits += 1;
      until = end;
    } else if (!isOlder(frame, header)) {
      until = end;
    }
    before = frame.sums;
  }
  if (until > 0) return { until, tail: "damaged" as const, lostAcknowledged: commits >= 2 };
  const cut =
    HEADER_BYTES + rest.frames * frameBytes < rest.fileBytes && rest.whole === rest.frames;
  return {
    until: cut ? rest.fileBytes : 0,
    tail: cut ? ("cut" as const) : ("uncommitted" as const),
    lostAcknowledged: false,
  };
}
