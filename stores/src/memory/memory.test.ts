// The memory store against the common suite, and the faults that only it can be asked for.
import assert from "node:assert/strict";
import { test } from "node:test";
import { good, records, refused, someBytes } from "../conformance/support.ts";
import { storeConformance } from "../conformance.ts";
import { digestOf } from "../digest.ts";
import { createMemoryDisk, createMemoryFaults, type MemoryDisk, openMemoryStore } from "./index.ts";

const disks = new Map<string, MemoryDisk>();

function diskAt(place: string): MemoryDisk {
  const disk = disks.get(place) ?? createMemoryDisk();
  disks.set(place, disk);
  return disk;
}

storeConformance({
  name: "memory",
  open: (place, options) => openMemoryStore({ ...options, disk: diskAt(place) }),
  async tamper(place, seq) {
    const { records: rows } = diskAt(place);
    rows[seq - 1] = { ...rows[seq - 1]!, payload: '{"number":0}' };
  },
});

test("a full disk refuses the whole commit, keeps nothing, and later appends work", async () => {
  const faults = createMemoryFaults();
  const { journal, close } = good(await openMemoryStore({ faults }));
  good(await journal.append(0, records(1)));
  faults.fullCommits = 1;
  const both = await Promise.all([
    journal.append(1, records(2, 2)),
    journal.append(3, records(1, 4)),
  ]);
  for (const outcome of both) refused(outcome, "STORE_FULL");
  assert.equal(journal.head().seq, 1);
  assert.equal(good(await journal.append(1, records(2, 2))).seq, 3);
  assert.equal(good(await journal.verify()).seq, 3);
  await close();
});

test("a full disk refuses blobs, chunks and snapshots and keeps nothing of them", async () => {
  const faults = createMemoryFaults();
  const { blobs, snapshots, close } = good(await openMemoryStore({ faults }));
  const bytes = someBytes(10);
  const digest = digestOf(bytes);
  good(await blobs.beginUpload(digest, 10));
  faults.fullWrites = 3;
  refused(await blobs.put(bytes), "STORE_FULL");
  refused(await blobs.appendUpload(digest, 0, bytes), "STORE_FULL");
  refused(await snapshots.put({ seq: 0, formatVersion: 1, bytes }), "STORE_FULL");
  assert.equal(await blobs.has(digest), false);
  assert.equal(good(await snapshots.latest()), undefined);
  assert.equal(good(await blobs.appendUpload(digest, 0, bytes)).offset, 10);
  await close();
});

test("stores without a common disk share nothing", async () => {
  const [one, two] = [good(await openMemoryStore()), good(await openMemoryStore())];
  good(await one.journal.append(0, records(1)));
  assert.equal(two.journal.head().seq, 0);
  await Promise.all([one.close(), two.close()]);
});
