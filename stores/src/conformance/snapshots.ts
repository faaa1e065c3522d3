// What every snapshot store must do.
import assert from "node:assert/strict";
import { it } from "node:test";
import type { Store } from "../port.ts";
import {
  good,
  records,
  refused,
  type StoreSubject,
  someBytes,
  withPlace,
  withStore,
} from "./support.ts";

const put = async ({ snapshots }: Store, seq: number) =>
  good(await snapshots.put({ seq, formatVersion: 3, bytes: someBytes(5_000, seq) }));

/** Registers the tests of the snapshots. */
export function snapshotConformance(subject: StoreSubject): void {
  keeping(subject);
  restarting(subject);
}

function keeping(subject: StoreSubject): void {
  it(
    "there is no snapshot until one is put",
    withStore(subject, async ({ snapshots }) => {
      assert.equal(good(await snapshots.latest()), undefined);
    }),
  );

  it(
    "the newest snapshot comes back, byte for byte and with its version",
    withStore(subject, async (store) => {
      good(await store.journal.append(0, records(9)));
      for (const seq of [0, 3, 9, 6]) await put(store, seq);
      const { bytes, ...rest } = good(await store.snapshots.latest())!;
      assert.deepEqual(rest, { seq: 9, formatVersion: 3, skipped: [] });
      assert.deepEqual(new Uint8Array(bytes), someBytes(5_000, 9));
    }),
  );

  it(
    "a snapshot put again at the same record replaces the one before",
    withStore(subject, async (store) => {
      good(await store.journal.append(0, records(1)));
      await put(store, 1);
      good(await store.snapshots.put({ seq: 1, formatVersion: 4, bytes: new Uint8Array() }));
      const found = good(await store.snapshots.latest())!;
      assert.equal(found.formatVersion, 4);
      assert.equal(found.bytes.length, 0);
    }),
  );

  it(
    "a snapshot ahead of the journal is a bug of the caller's",
    withStore(subject, async (store) => {
      good(await store.journal.append(0, records(2)));
      await assert.rejects(() => put(store, 3), /Invariant broken/);
    }),
  );
}

function restarting(subject: StoreSubject): void {
  it("a snapshot outlives a restart, and the journal is still verified when asked", () =>
    withPlace(async (place) => {
      const first = good(await subject.open(place));
      good(await first.journal.append(0, records(10)));
      await put(first, 8);
      await first.close();
      const second = good(await subject.open(place));
      assert.equal(good(await second.snapshots.latest())?.seq, 8);
      assert.equal(good(await second.journal.verify()).seq, 10);
      await second.close();
    }));

  it("a changed record before the snapshot is never given out and is found by verify", () =>
    withPlace(async (place) => {
      const first = good(await subject.open(place));
      good(await first.journal.append(0, records(10)));
      await put(first, 8);
      await first.close();
      await subject.tamper(place, 5);
      const opened = await subject.open(place);
      // A store may verify everything at open or only what follows the snapshot.
      if (!opened.ok) {
        assert.equal(refused(opened, "JOURNAL_CORRUPT").at, "5");
        return;
      }
      const { journal } = opened.value;
      assert.equal(refused(await journal.verify(), "JOURNAL_CORRUPT").at, "5");
      for (const afterSeq of [0, 4]) {
        const page = await journal.read({ afterSeq, limit: 100 });
        assert.equal(refused(page, "JOURNAL_CORRUPT").at, "5");
      }
      assert.equal(good(await journal.read({ afterSeq: 8, limit: 100 })).length, 2);
      await opened.value.close();
    }));
}
