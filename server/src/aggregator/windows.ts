// Coded contributions in the store, read window by window: a merge never holds one of them whole.
// What is computed with a window is fold.ts, in which order is weigh.ts.
import { assert, type Outcome, ok, refuse } from "@tequio/core/pool";
import {
  type ByteRange,
  type CodedHeader,
  checkLength,
  codedBytes,
  HEADER_BYTES,
  NORM_SEGMENT,
  readFields,
  WINDOW_STEP,
  windowMessage,
  windowRanges,
} from "@tequio/core/training";
import type { BlobStore } from "@tequio/stores";
import { readInto } from "./vectors.ts";

/** A coded delta whose header was read and fits its length. */
export interface CodedBlob {
  readonly digest: string;
  readonly header: CodedHeader;
}

/** Bytes of all windows that are in memory at once, however many members a round has. */
const WINDOW_BYTES = 64 * 1024 * 1024;

/** Values of a window at most: more saves no reads worth naming and makes threads wait. */
const WINDOW_VALUES_MAX = 1 << 20;

/** Blobs that are read at the same time. */
const READS = 16;

/** Reads the header of a blob that should have so many bytes. Refuses NOT_FOUND, TOO_LARGE, and
 * what `decode` refuses of a header. */
export async function openCoded(
  blobs: BlobStore,
  digest: string,
  bytesMax: number,
): Promise<Outcome<CodedBlob>> {
  const stat = await blobs.stat(digest);
  if (!stat.ok) return stat;
  const { size } = stat.value;
  if (size > bytesMax) {
    const hint = "Send what the assignment asked for.";
    return refuse("TOO_LARGE", `The blob has ${size} bytes, not ${bytesMax}.`, hint);
  }
  const bytes = new Uint8Array(Math.min(size, HEADER_BYTES));
  if (size > 0) {
    const read = await readInto(blobs, digest, { start: 0, end: bytes.length }, bytes, 0);
    if (!read.ok) return read;
  }
  const header = readFields(bytes);
  if (!header.ok) return header;
  const fits = checkLength(header.value, size);
  return fits.ok ? ok({ digest, header: fits.value }) : fits;
}

/** The values [from, to) as a message of their own, in a buffer of its own. */
async function readWindow(
  blobs: BlobStore,
  { digest, header }: CodedBlob,
  from: number,
  to: number,
): Promise<Outcome<Uint8Array<ArrayBuffer>>> {
  const message = windowMessage(header, to - from);
  let at = HEADER_BYTES;
  for (const range of joined(windowRanges(header, from, to))) {
    const read = await readInto(blobs, digest, range, message, at);
    if (!read.ok) return read;
    at += range.end - range.start;
  }
  return ok(message);
}

/** The same window of many blobs, in their order; throws when one is gone since it was opened. */
export async function readWindows(
  blobs: BlobStore,
  from: number,
  to: number,
  coded: readonly CodedBlob[],
): Promise<readonly Uint8Array[]> {
  const messages: Uint8Array[] = [];
  for (let first = 0; first < coded.length; first += READS) {
    const some = coded.slice(first, first + READS);
    const read = await Promise.all(some.map((blob) => readWindow(blobs, blob, from, to)));
    for (const message of read) {
      if (!message.ok) throw new Error(`A contribution could not be read: ${message.message}`);
      messages.push(message.value);
    }
  }
  return messages;
}

/** Ranges that lie one behind the other are read as one: of a small vector they all do. */
function joined(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const found: ByteRange[] = [];
  for (const range of ranges) {
    const before = found.at(-1);
    if (range.start === range.end) continue;
    if (before?.end === range.start) found[found.length - 1] = { ...before, end: range.end };
    else found.push(range);
  }
  return found;
}

/** The windows of a vector of so many values when these blobs are read together, so many windows
 * at a time. A single blob's windows begin where the segments of a norm do. */
export function windowsFor(
  count: number,
  coded: readonly CodedBlob[],
  width: number,
  windowBytes = WINDOW_BYTES,
): readonly (readonly [from: number, to: number])[] {
  const one = coded.reduce((sum, { header }) => sum + codedBytes(header.codec, NORM_SEGMENT), 0);
  const bytesOfValue = (one + 8 * NORM_SEGMENT) / NORM_SEGMENT;
  const step = coded.length === 1 ? NORM_SEGMENT : WINDOW_STEP;
  const fitting = Math.floor(windowBytes / (width * bytesOfValue) / step) * step;
  const size = Math.max(step, Math.min(WINDOW_VALUES_MAX, fitting));
  assert(size % step === 0, "windows begin at steps");
  return Array.from({ length: Math.ceil(count / size) }, (_, i) => [
    i * size,
    Math.min(count, (i + 1) * size),
  ]);
}

/** Calls for all items, so many at a time; rejects with the first trouble. */
export async function together<Item>(
  items: readonly Item[],
  width: number,
  act: (item: Item, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < items.length) {
      const index = next;
      next += 1;
      await act(items[index]!, index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, one));
}
