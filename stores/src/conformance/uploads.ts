// What every blob store must do with uploads in pieces.
import assert from "node:assert/strict";
import { it } from "node:test";
import { digestOf } from "../digest.ts";
import { UPLOAD_CHUNK_BYTES_MAX } from "../limits.ts";
import {
  collect,
  good,
  refused,
  type StoreSubject,
  someBytes,
  withPlace,
  withStore,
} from "./support.ts";

const BYTES = someBytes(10_000);
const DIGEST = digestOf(BYTES);

/** Registers the tests of uploads in pieces. */
export function uploadConformance(subject: StoreSubject): void {
  goingOn(subject);
  goingWrong(subject);
}

function goingOn(subject: StoreSubject): void {
  it(
    "an upload in pieces becomes a blob only when it is finished",
    withStore(subject, async ({ blobs }) => {
      const begun = good(await blobs.beginUpload(DIGEST, BYTES.length));
      assert.deepEqual(begun, { digest: DIGEST, size: 10_000, offset: 0, complete: false });
      for (let at = 0; at < BYTES.length; at += 4_000) {
        const chunk = BYTES.subarray(at, at + 4_000);
        const state = good(await blobs.appendUpload(DIGEST, at, chunk));
        assert.equal(state.offset, at + chunk.length);
        assert.equal(await blobs.has(DIGEST), false);
      }
      assert.equal(good(await blobs.finishUpload(DIGEST)).size, 10_000);
      assert.deepEqual(await collect(good(await blobs.open(DIGEST)).chunks), BYTES);
      assert.deepEqual(await blobs.uploads(), []);
      const again = good(await blobs.beginUpload(DIGEST, BYTES.length));
      assert.deepEqual(again, { digest: DIGEST, size: 10_000, offset: 10_000, complete: true });
    }),
  );

  it("an upload goes on after a restart where it stopped", () =>
    withPlace(async (place) => {
      const first = good(await subject.open(place));
      good(await first.blobs.beginUpload(DIGEST, BYTES.length));
      good(await first.blobs.appendUpload(DIGEST, 0, BYTES.subarray(0, 6_000)));
      await first.close();
      const { blobs, close } = good(await subject.open(place));
      assert.deepEqual(await blobs.uploads(), [
        { digest: DIGEST, size: 10_000, offset: 6_000, complete: false },
      ]);
      assert.equal(good(await blobs.beginUpload(DIGEST, BYTES.length)).offset, 6_000);
      good(await blobs.appendUpload(DIGEST, 6_000, BYTES.subarray(6_000)));
      good(await blobs.finishUpload(DIGEST));
      assert.equal(good(await blobs.verify(DIGEST)).size, 10_000);
      await close();
    }));

  it(
    "an empty blob can be uploaded",
    withStore(subject, async ({ blobs }) => {
      const digest = digestOf(new Uint8Array());
      good(await blobs.beginUpload(digest, 0));
      assert.equal(good(await blobs.finishUpload(digest)).size, 0);
    }),
  );

  it(
    "of two chunks sent at once for one offset one is taken and the other learns the right one",
    withStore(subject, async ({ blobs }) => {
      good(await blobs.beginUpload(DIGEST, BYTES.length));
      const chunk = BYTES.subarray(0, 3_000);
      const [one, two] = await Promise.all([
        blobs.appendUpload(DIGEST, 0, chunk),
        blobs.appendUpload(DIGEST, 0, chunk),
      ]);
      assert.equal(good(one).offset, 3_000);
      assert.equal(refused(two, "WRONG_OFFSET").at, "3000");
    }),
  );
}

function goingWrong(subject: StoreSubject): void {
  it(
    "a wrong offset is refused with the right one, and finishing too early likewise",
    withStore(subject, async ({ blobs }) => {
      good(await blobs.beginUpload(DIGEST, BYTES.length));
      good(await blobs.appendUpload(DIGEST, 0, BYTES.subarray(0, 100)));
      for (const offset of [0, 99, 101]) {
        const outcome = await blobs.appendUpload(DIGEST, offset, BYTES.subarray(0, 5));
        assert.equal(refused(outcome, "WRONG_OFFSET").at, "100");
      }
      assert.equal(refused(await blobs.finishUpload(DIGEST), "WRONG_OFFSET").at, "100");
    }),
  );

  it(
    "wrong bytes are found at the end, and the upload starts anew",
    withStore(subject, async ({ blobs }) => {
      good(await blobs.beginUpload(DIGEST, BYTES.length));
      good(await blobs.appendUpload(DIGEST, 0, someBytes(10_000, 2)));
      refused(await blobs.finishUpload(DIGEST), "DIGEST_MISMATCH");
      assert.equal(await blobs.has(DIGEST), false);
      refused(await blobs.appendUpload(DIGEST, 0, BYTES), "NOT_FOUND");
      assert.equal(good(await blobs.beginUpload(DIGEST, BYTES.length)).offset, 0);
      good(await blobs.appendUpload(DIGEST, 0, BYTES));
      good(await blobs.finishUpload(DIGEST));
    }),
  );

  it(
    "more bytes than promised, too large a chunk and impossible sizes are refused",
    withStore(subject, async ({ blobs }) => {
      good(await blobs.beginUpload(DIGEST, BYTES.length));
      refused(await blobs.appendUpload(DIGEST, 0, someBytes(10_001)), "TOO_LARGE");
      const chunk = new Uint8Array(UPLOAD_CHUNK_BYTES_MAX + 1);
      refused(await blobs.appendUpload(DIGEST, 0, chunk), "TOO_LARGE");
      for (const size of [-1, 1.5, Number.NaN]) {
        refused(await blobs.beginUpload(DIGEST, size), "INVALID_REQUEST");
      }
    }),
  );

  it(
    "beginning with another size starts anew, and an upload can be given up",
    withStore(subject, async ({ blobs }) => {
      good(await blobs.beginUpload(DIGEST, 9_999));
      good(await blobs.appendUpload(DIGEST, 0, BYTES.subarray(0, 500)));
      assert.equal(good(await blobs.beginUpload(DIGEST, BYTES.length)).offset, 0);
      assert.equal(await blobs.abortUpload(DIGEST), true);
      assert.equal(await blobs.abortUpload(DIGEST), false);
      assert.deepEqual(await blobs.uploads(), []);
      refused(await blobs.finishUpload(DIGEST), "NOT_FOUND");
    }),
  );
}
