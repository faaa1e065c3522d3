// What every journal must do: order, durability across opens, the hash chain, the limits.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { chainHash, EMPTY_HEAD, GENESIS_HASH } from "../chain.ts";
import {
  APPEND_RECORDS_MAX,
  READ_PAGE_CHARS_MAX,
  READ_RECORDS_MAX,
  RECORD_PAYLOAD_BYTES_MAX,
} from "../limits.ts";
import type { JournalRecord } from "../port.ts";
import { replay } from "../replay.ts";
import { good, records, refused, type StoreSubject, withPlace, withStore } from "./support.ts";

/** Registers the tests of the journal. */
export function journalConformance(subject: StoreSubject): void {
  describe("appending", () => {
    appending(subject);
    refusing(subject);
  });
  describe("appending side by side", () => together(subject));
  describe("reading", () => reading(subject));
  describe("opening again", () => reopening(subject));
}

function appending(subject: StoreSubject): void {
  it(
    "an empty journal has head 0 and gives out nothing",
    withStore(subject, async ({ journal }) => {
      assert.deepEqual(journal.head(), EMPTY_HEAD);
      assert.deepEqual(good(await journal.read({ afterSeq: 0, limit: 10 })), []);
      assert.deepEqual(good(await journal.verify()), EMPTY_HEAD);
    }),
  );

  it(
    "records come back as they were appended, numbered from 1 and chained by their hashes",
    withStore(subject, async ({ journal }) => {
      const input = records(5);
      assert.deepEqual(good(await journal.append(0, input)), { seq: 5 });
      const page = good(await journal.read({ afterSeq: 0, limit: 10 }));
      let previous = GENESIS_HASH;
      for (const [at, record] of page.entries()) {
        previous = chainHash(previous, at + 1, input[at]!);
        assert.deepEqual(record, { ...input[at], seq: at + 1, hash: previous });
      }
      assert.equal(page.length, 5);
      assert.deepEqual(journal.head(), { seq: 5, hash: previous });
    }),
  );
}

function refusing(subject: StoreSubject): void {
  it(
    "an append that expects another head is refused, keeps nothing and names the head",
    withStore(subject, async ({ journal }) => {
      good(await journal.append(0, records(3)));
      for (const expected of [0, 2, 4]) {
        assert.equal(
          refused(await journal.append(expected, records(1)), "SEQUENCE_CONFLICT").at,
          "3",
        );
      }
      assert.equal(journal.head().seq, 3);
      assert.equal(good(await journal.read({ afterSeq: 0, limit: 10 })).length, 3);
    }),
  );

  it(
    "payloads and appends over their limits are refused, and the limit itself is not",
    withStore(subject, async ({ journal }) => {
      const sized = (payload: string) => [{ atMs: 1, type: "t", payload }];
      const full = "x".repeat(RECORD_PAYLOAD_BYTES_MAX);
      refused(await journal.append(0, sized(`${full}x`)), "TOO_LARGE");
      refused(await journal.append(0, sized("ü".repeat(full.length / 2 + 1))), "TOO_LARGE");
      refused(await journal.append(0, records(APPEND_RECORDS_MAX + 1)), "TOO_LARGE");
      assert.equal(journal.head().seq, 0);
      assert.equal(good(await journal.append(0, sized(full))).seq, 1);
    }),
  );

  it(
    "a record that was built wrongly is a bug of the caller's and harms no other append",
    withStore(subject, async ({ journal }) => {
      const [fine] = records(1);
      const wrong = [{ atMs: 0.5 }, { type: "two\nlines" }, { type: "" }, { payload: "\ud800" }];
      const outcomes = await Promise.allSettled([
        ...wrong.map((part) => journal.append(0, [{ ...fine!, ...part }])),
        journal.append(0, [fine!]),
      ]);
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        [...wrong.map(() => "rejected"), "fulfilled"],
      );
      assert.equal(journal.head().seq, 1);
    }),
  );

  it(
    "a closed store refuses appends and reads, and closing twice is harmless",
    withStore(subject, async (store) => {
      await store.close();
      await store.close();
      refused(await store.journal.append(0, records(1)), "SHUTTING_DOWN");
      refused(await store.journal.read({ afterSeq: 0, limit: 1 }), "SHUTTING_DOWN");
      refused(await store.journal.verify(), "SHUTTING_DOWN");
    }),
  );
}

function together(subject: StoreSubject): void {
  it(
    "of appends made together for one place the first wins and the others conflict",
    withStore(subject, async ({ journal }) => {
      const outcomes = await Promise.all(
        [1, 2, 3].map((number) => journal.append(0, records(1, number))),
      );
      assert.deepEqual(
        outcomes.map((outcome) => (outcome.ok ? "ok" : outcome.code)),
        ["ok", "SEQUENCE_CONFLICT", "SEQUENCE_CONFLICT"],
      );
      const [record] = good(await journal.read({ afterSeq: 0, limit: 10 }));
      assert.equal(record?.payload, records(1, 1)[0]?.payload);
    }),
  );

  it(
    "appends may be made one on another without waiting",
    withStore(subject, async ({ journal }) => {
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, (_, at) => journal.append(at * 2, records(2, at * 2 + 1))),
      );
      assert.deepEqual(
        outcomes.map((outcome) => good(outcome).seq),
        Array.from({ length: 50 }, (_, at) => at * 2 + 2),
      );
    }),
  );

  it("what waits when the store is closed is still committed", () =>
    withPlace(async (place) => {
      const store = good(await subject.open(place));
      const waiting = store.journal.append(0, records(3));
      await store.close();
      assert.equal(good(await waiting).seq, 3);
      const again = good(await subject.open(place));
      assert.equal(again.journal.head().seq, 3);
      await again.close();
    }));

  it("any cutting into appends gives the same journal and the same hashes", async () => {
    const input = records(24);
    const heads = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ size: fc.integer({ min: 0, max: 6 }), wait: fc.boolean() })),
        withCuts,
      ),
      { numRuns: 12 },
    );
    assert.equal(heads.size, 1);

    async function withCuts(cuts: readonly { size: number; wait: boolean }[]): Promise<void> {
      await withStore(subject, async ({ journal }) => {
        let at = 0;
        const waiting: Promise<unknown>[] = [];
        for (const { size, wait } of [...cuts, { size: input.length, wait: true }]) {
          const part = input.slice(at, at + size);
          waiting.push(journal.append(at, part).then(good));
          at += part.length;
          if (wait) await Promise.all(waiting);
        }
        heads.add(good(await journal.verify()).hash);
      })();
    }
  });
}

function reading(subject: StoreSubject): void {
  it(
    "pages follow one another without a gap, whatever their size",
    withStore(subject, async ({ journal }) => {
      good(await journal.append(0, records(300)));
      for (const limit of [1, 7, 128, 129, READ_RECORDS_MAX]) {
        const seen: number[] = [];
        for (let page: readonly JournalRecord[]; ; ) {
          page = good(await journal.read({ afterSeq: seen.at(-1) ?? 0, limit }));
          if (page.length === 0) break;
          assert.ok(page.length <= limit);
          for (const { seq } of page) seen.push(seq);
          if (limit === 1 && seen.length === 10) break;
        }
        assert.deepEqual(
          seen,
          Array.from({ length: limit === 1 ? 10 : 300 }, (_, at) => at + 1),
        );
      }
    }),
  );

  it(
    "a page of large records ends early, and the next one goes on",
    withStore(subject, async ({ journal }) => {
      const payload = "x".repeat(READ_PAGE_CHARS_MAX / 8);
      const large = Array.from({ length: 20 }, () => ({ atMs: 1, type: "t", payload }));
      good(await journal.append(0, large));
      const page = good(await journal.read({ afterSeq: 0, limit: READ_RECORDS_MAX }));
      assert.ok(page.length > 0 && page.length < 20, `${page.length} records on one page`);
      const seen: number[] = [];
      good(await replay(journal, 0, ({ seq }) => void seen.push(seq)));
      assert.equal(seen.length, 20);
    }),
  );

  it(
    "reading from the head or beyond gives nothing",
    withStore(subject, async ({ journal }) => {
      good(await journal.append(0, records(2)));
      for (const afterSeq of [2, 3, 1_000]) {
        assert.deepEqual(good(await journal.read({ afterSeq, limit: 5 })), []);
      }
    }),
  );
}

function reopening(subject: StoreSubject): void {
  it("records, head and chain are the same after opening again", () =>
    withPlace(async (place) => {
      const first = good(await subject.open(place));
      good(await first.journal.append(0, records(20)));
      const head = first.journal.head();
      const page = good(await first.journal.read({ afterSeq: 0, limit: 100 }));
      await first.close();
      const second = good(await subject.open(place));
      assert.equal(second.info.recovered, undefined);
      assert.deepEqual(second.journal.head(), head);
      assert.deepEqual(good(await second.journal.read({ afterSeq: 0, limit: 100 })), page);
      assert.equal(good(await second.journal.append(20, records(1, 21))).seq, 21);
      assert.equal(good(await second.journal.verify()).seq, 21);
      await second.close();
    }));

  it("a second store at the same place is refused until the first is closed", () =>
    withPlace(async (place) => {
      const first = good(await subject.open(place));
      const refusal = refused(await subject.open(place), "STORE_LOCKED");
      assert.match(refusal.message, new RegExp(`\\b${process.pid}\\b`));
      good(await first.journal.append(0, records(1)));
      await first.close();
      await good(await subject.open(place)).close();
    }));

  for (const seq of [1, 4, 6]) {
    it(`a changed record ${seq} of 6 is named and the journal does not open`, () =>
      withPlace(async (place) => {
        const first = good(await subject.open(place));
        good(await first.journal.append(0, records(6)));
        await first.close();
        await subject.tamper(place, seq);
        const refusal = refused(await subject.open(place), "JOURNAL_CORRUPT");
        assert.equal(refusal.at, String(seq));
        assert.match(refusal.message, new RegExp(`\\b${seq}\\b`));
      }));
  }
}
