// The process that tests of the SQLite store start in order to kill it, lock it out or fill its
// disk. It says what it did on its standard output, one line each, written before it goes on.
import { readdirSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { good, records, someBytes } from "../../conformance/support.ts";
import { digestOf } from "../../digest.ts";
import type { Store } from "../../port.ts";
import { openSqliteStore } from "../index.ts";

const [mode = "", folder = ""] = process.argv.slice(2);
/** Debian and most others call this user "nobody". */
const NOBODY = 65_534;

const say = (line: unknown): void => {
  writeSync(1, `${typeof line === "string" ? line : JSON.stringify(line)}\n`);
};

/** Twelve appends of one record each, then waits to be killed. */
async function append(store: Store): Promise<void> {
  for (let seq = store.journal.head().seq, end = seq + 12; seq < end; seq++) {
    good(await store.journal.append(seq, records(1, seq + 1)));
  }
  say("ready");
  setInterval(() => undefined, 1_000);
}

/** Appends without end, 32 at a time, and says every number that was acknowledged. */
async function stream(store: Store): Promise<never> {
  for (;;) {
    let { seq } = store.journal.head();
    const waiting = Array.from({ length: 32 }, async () => {
      const from = seq;
      seq += 3;
      say(String(good(await store.journal.append(from, records(3, from + 1))).seq));
    });
    await Promise.all(waiting);
  }
}

/** Appends until the disk is full; gives the refusals' codes and what is left behind. */
async function fill(store: Store): Promise<void> {
  const ballast = join(folder, "ballast");
  const { journal, blobs, snapshots } = store;
  let full = await journal.append(journal.head().seq, records(50));
  while (full.ok) full = await journal.append(journal.head().seq, records(50));
  const headWhenFull = journal.head().seq;
  const bytes = someBytes(4_000_000);
  const put = await blobs.put(bytes);
  const snapshot = await snapshots.put({ seq: 1, formatVersion: 1, bytes });
  const begun = await blobs.beginUpload(digestOf(bytes), bytes.length);
  const chunk = begun.ok ? await blobs.appendUpload(digestOf(bytes), 0, bytes) : begun;
  const offset = (await blobs.uploads())[0]?.offset ?? 0;
  await blobs.abortUpload(digestOf(bytes));
  rmSync(ballast);
  const later = await journal.append(journal.head().seq, records(1, headWhenFull + 1));
  const verified = await journal.verify();
  say({
    refusals: [full, put, snapshot, chunk].map((outcome) => (outcome.ok ? "ok" : outcome.code)),
    headWhenFull,
    later: later.ok ? "ok" : later.code,
    verified: verified.ok ? verified.value.seq : verified.code,
    offset,
    left: [
      ...readdirSync(join(folder, "blobs/incoming")),
      ...readdirSync(join(folder, "snapshots")),
    ],
    blobs: (await blobs.list({ limit: 10 })).length,
  });
  await store.close();
}

/** Opens the store as a user who may not write into its folder. */
async function unwritable(): Promise<void> {
  if (process.getuid?.() === 0) process.setuid?.(NOBODY);
  const outcome = await openSqliteStore({ folder });
  say(outcome.ok ? "ok" : outcome.code);
}

if (mode === "unwritable") {
  await unwritable();
} else {
  if (mode === "fill") writeFileSync(join(folder, "ballast"), someBytes(300_000));
  const store = good(await openSqliteStore({ folder }));
  if (mode === "append") await append(store);
  else if (mode === "stream") await stream(store);
  else await fill(store);
}
