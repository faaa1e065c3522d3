// What every archive must do.
import assert from "node:assert/strict";
import { it } from "node:test";
import type { ArchiveBatch, ArchiveJob, ArchiveLine, ArchiveStore, JobPlace } from "../archive.ts";
import type { Store } from "../port.ts";
import { good, refused, type StoreSubject, withPlace, withStore } from "./support.ts";

const job = (number: number, index = -1, change: Partial<ArchiveJob> = {}): ArchiveJob => ({
  ...{ number, index, jobId: index < 0 ? `${number}` : `${number}_${index}` },
  ...{ project: number % 2 === 0 ? "even" : "odd", outcome: "completed", members: ["alpha"] },
  body: JSON.stringify({ number, index, text: "Zürich 東京 🚀\u0000" }),
  ...change,
});

const line = (number: number, change: Partial<ArchiveLine> = {}): ArchiveLine => ({
  ...{ kind: "entry", number, atMs: 1_000 + Math.floor(number / 2), project: "odd" },
  member: number % 3 === 0 ? "alpha" : "beta",
  body: JSON.stringify({ line: number }),
  ...change,
});

const batch = (
  number: number,
  jobs: readonly ArchiveJob[] = [],
  lines: readonly ArchiveLine[] = [],
): ArchiveBatch => ({ batch: number, digest: `${number}`.padStart(64, "0"), jobs, lines });

const archiveOf = ({ archive }: Store): ArchiveStore => {
  assert.ok(archive !== undefined, "the store has an archive");
  return archive;
};

const put = async (archive: ArchiveStore, one: ArchiveBatch): Promise<void> =>
  void good(await archive.put(one));

/** Registers the tests of the archive. */
export function archiveConformance(subject: StoreSubject): void {
  batches(subject);
  finding(subject);
  paging(subject);
}

function batches(subject: StoreSubject): void {
  it(
    "batches follow one another, and the newest may be put again until the next",
    withStore(subject, async (store) => {
      const archive = archiveOf(store);
      assert.deepEqual(good(await archive.head()), { batch: 0, digest: "" });
      for (const wrong of [0, 2]) refused(await archive.put(batch(wrong)), "SEQUENCE_CONFLICT");
      await put(archive, batch(1, [job(1), job(2)], [line(0)]));
      await put(archive, batch(1, [job(2)], [line(0), line(1)]));
      await put(archive, batch(2, [job(3)], [line(2)]));
      assert.equal(refused(await archive.put(batch(1)), "SEQUENCE_CONFLICT").at, "2");
      refused(await archive.put(batch(4)), "SEQUENCE_CONFLICT");
      assert.deepEqual(good(await archive.head()), { batch: 2, digest: batch(2).digest });
      assert.equal(good(await archive.digestAt(1)), batch(1).digest);
      assert.equal(good(await archive.digestAt(3)), undefined);
      const rows = good(await archive.jobs({ limit: 10 }));
      assert.deepEqual(
        rows.map(({ jobId }) => jobId),
        ["3", "2"],
      );
    }),
  );

  it("what was put outlives a restart, and a cleared archive begins anew", () =>
    withPlace(async (place) => {
      const first = good(await subject.open(place));
      await put(archiveOf(first), batch(1, [job(1)], [line(0)]));
      await first.close();
      const second = good(await subject.open(place));
      const archive = archiveOf(second);
      assert.equal(good(await archive.head()).batch, 1);
      assert.equal(good(await archive.jobsById(["1"])).get("1"), job(1).body);
      good(await archive.clear());
      assert.deepEqual(good(await archive.head()), { batch: 0, digest: "" });
      assert.equal(good(await archive.jobsById(["1"])).size, 0);
      await put(archive, batch(1, [job(5)], [line(0)]));
      await second.close();
    }));
}

function finding(subject: StoreSubject): void {
  it(
    "a job is found by its id with its body to the character, a strange one is not",
    withStore(subject, async (store) => {
      const archive = archiveOf(store);
      await put(archive, batch(1, [job(1), job(2, 0), job(2, 1)]));
      const found = good(await archive.jobsById(["2_1", "1", "9", "x'y"]));
      assert.deepEqual(
        [...found].sort(),
        [job(1), job(2, 1)].map(({ jobId, body }) => [jobId, body]),
      );
      assert.equal(good(await archive.jobsById([])).size, 0);
    }),
  );

  it(
    "an array tells the different outcomes of its tasks",
    withStore(subject, async (store) => {
      const archive = archiveOf(store);
      const failed = { outcome: "failed" };
      await put(archive, batch(1, [job(4), job(7, 0), job(7, 1, failed), job(7, 2, failed)]));
      assert.deepEqual(good(await archive.outcomes(7)), ["completed", "failed"]);
      assert.deepEqual(good(await archive.outcomes(4)), []);
      const tasks = good(await archive.jobs({ number: 7, limit: 2 }));
      assert.deepEqual(
        tasks.map(({ index }) => index),
        [2, 1],
      );
    }),
  );
}

/** All pages of so many jobs. */
async function pages(
  archive: ArchiveStore,
  wanted: { readonly project?: string; readonly member?: string },
): Promise<string[]> {
  const ids: string[] = [];
  let below: JobPlace | undefined;
  for (;;) {
    const from = below === undefined ? {} : { below };
    const page = good(await archive.jobs({ ...wanted, ...from, limit: 2 }));
    ids.push(...page.map(({ jobId }) => jobId));
    below = page.at(-1);
    if (page.length < 2) return ids;
  }
}

function paging(subject: StoreSubject): void {
  it(
    "pages of jobs go down in the order of submission, by project and by member",
    withStore(subject, async (store) => {
      const archive = archiveOf(store);
      const both = { members: ["beta", "alpha"] };
      await put(archive, batch(1, [job(10), job(9, 1), job(9, 0, both)]));
      await put(archive, batch(2, [job(3, -1, both), job(2), job(11, -1, { members: [] })]));
      assert.deepEqual(await pages(archive, {}), ["11", "10", "9_1", "9_0", "3", "2"]);
      assert.deepEqual(await pages(archive, { project: "odd" }), ["11", "9_1", "9_0", "3"]);
      assert.deepEqual(await pages(archive, { member: "beta" }), ["9_0", "3"]);
      const mixed = { member: "alpha", project: "even" };
      assert.deepEqual(await pages(archive, mixed), ["10", "2"]);
    }),
  );

  it(
    "lines come by time and number, from the first moment to before the last, by their parties",
    withStore(subject, async (store) => {
      const archive = archiveOf(store);
      const all = Array.from({ length: 9 }, (_, i) => line(i));
      await put(archive, batch(1, [], all.slice(0, 4)));
      await put(archive, batch(2, [], [...all.slice(4), line(0, { kind: "hour", atMs: 1_001 })]));
      const numbers = async (change: object): Promise<number[]> => {
        const wanted = { kind: "entry", fromMs: 0, toMs: 9_000, limit: 100, ...change } as const;
        return good(await archive.lines(wanted)).map(({ number }) => number);
      };
      assert.deepEqual(await numbers({}), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
      assert.deepEqual(await numbers({ fromMs: 1_001, toMs: 1_003 }), [2, 3, 4, 5]);
      assert.deepEqual(await numbers({ after: { atMs: 1_001, number: 2 }, limit: 2 }), [3, 4]);
      assert.deepEqual(await numbers({ member: "alpha", project: "odd" }), [0, 3, 6]);
      assert.deepEqual(await numbers({ kind: "hour" }), [0]);
      const [only] = good(await archive.lines({ kind: "hour", fromMs: 0, toMs: 9_000, limit: 5 }));
      assert.deepEqual({ ...only }, { number: 0, atMs: 1_001, body: line(0).body });
    }),
  );
}
