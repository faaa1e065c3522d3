// Finds the uploads that an earlier process left, so that they can go on, and removes what nobody
// can go on with: puts that were cut off long ago.
import { BLOB_LIST_ROWS_MAX } from "../limits.ts";
import type { Bucket, StoredObject } from "./bucket.ts";
import { type Keys, putKey, uploadKeys, uploadOfKey } from "./keys.ts";
import { LEFTOVER_MS, PART_BYTES } from "./limits.ts";
import { readWhole } from "./read.ts";
import type { Upload } from "./uploads.ts";

/** All uploads in pieces that were begun and not finished. */
export async function findUploads(bucket: Bucket, keys: Keys): Promise<readonly Upload[]> {
  const objects = new Map<string, StoredObject>();
  for await (const row of eachObject(bucket, keys.uploads)) objects.set(row.key, row);
  const found: Upload[] = [];
  for (const [key, state] of objects) {
    const upload = uploadOfKey(keys, key);
    if (upload !== undefined) found.push(await load(bucket, keys, upload, state.size, objects));
  }
  return found;
}

async function load(
  bucket: Bucket,
  keys: Keys,
  { digest, size }: Pick<Upload, "digest" | "size">,
  stateBytes: number,
  objects: ReadonlyMap<string, StoredObject>,
): Promise<Upload> {
  const own = uploadKeys(keys, digest, size);
  const tailAt = (offset: number): number => objects.get(own.tail(offset))?.size ?? 0;
  const fresh = { digest, size, parts: [], hasher: undefined, joined: false };
  if (stateBytes === 0) return { ...fresh, multipart: undefined, tailBytes: tailAt(0) };
  const id = (await readWhole(bucket, own.state, stateBytes)).toString("utf8");
  const multipart = { key: own.incoming, id };
  const there = await bucket.parts(multipart);
  if (there === undefined) {
    const joined = (await bucket.head(own.incoming)) === size;
    return { ...fresh, multipart, tailBytes: 0, joined };
  }
  // A finish that was cut off may have sent the tail as a last, shorter part; it is sent again.
  const gap = there.findIndex(
    (part, at) =>
      part.number !== at + 1 || part.size !== PART_BYTES || (at + 1) * PART_BYTES > size,
  );
  const parts = gap < 0 ? there : there.slice(0, gap);
  return { ...fresh, multipart, parts, tailBytes: tailAt(parts.length * PART_BYTES) };
}

/** Removes the objects and multipart uploads of puts that began before `nowMs` - LEFTOVER_MS;
 * gives their number. Another process may be putting at this time: younger ones stay. */
export async function removeLeftovers(bucket: Bucket, keys: Keys, nowMs: number): Promise<number> {
  const beforeMs = nowMs - LEFTOVER_MS;
  const puts = putKey(keys, "");
  let removed = 0;
  for await (const { key, modifiedMs } of eachObject(bucket, puts)) {
    if (modifiedMs >= beforeMs) continue;
    await bucket.remove(key);
    removed += 1;
  }
  for (const upload of await bucket.begunBefore(puts, beforeMs)) {
    await bucket.abort(upload);
    removed += 1;
  }
  return removed;
}

async function* eachObject(bucket: Bucket, prefix: string): AsyncGenerator<StoredObject> {
  let after = "";
  for (;;) {
    const page = await bucket.list(prefix, after, BLOB_LIST_ROWS_MAX);
    yield* page;
    if (page.length < BLOB_LIST_ROWS_MAX) return;
    after = page.at(-1)?.key ?? after;
  }
}
