// What the control plane reads from its own disk, damaged: snapshots, the write-ahead log, the
// journal. A disk may give back anything; the answer is the truth or a refusal, never a crash and
// never a record that was not written. Each target works in a temporary folder of its own.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspectWal, openSnapshotFolder, openSqliteStore } from "@tequio/stores/sqlite";
import { below, mutateBytes, type Next, randomBytes } from "./mutate.ts";
import type { Target } from "./run.ts";

const HASH = "a".repeat(64);
/** A file of a few kilobytes is written, read and judged in about 0.3 ms. */
const FILE_COST = 60;
/** Opening a database syncs the disk several times. */
const DATABASE_COST = 6_000;
const RECORDS = 12;

const damage = (next: Next, bytes: Uint8Array): Uint8Array =>
  next() < 0.05 ? randomBytes(next, 400) : mutateBytes(next, bytes);

/** All targets on disk. Their folders are removed by `close`. */
export async function openDiskTargets(): Promise<readonly Target[]> {
  return [await snapshots(), await writeAheadLog(), await journal()];
}

const folderFor = (name: string): string => mkdtempSync(join(tmpdir(), `tequio-fuzz-${name}-`));

async function snapshots(): Promise<Target> {
  const folder = folderFor("snapshot");
  const opened = await openSnapshotFolder(folder, (seq) => (seq === 5 ? HASH : undefined));
  const bytes = new TextEncoder().encode('{"seq":5}');
  await opened.snapshots.put({ seq: 5, formatVersion: 1, bytes });
  const path = join(folder, "0000000000000005.snapshot");
  const good = readFileSync(path);
  return {
    ...{ name: "snapshot", cost: FILE_COST },
    feed: async (next) => {
      writeFileSync(path, damage(next, good));
      await opened.compare(below(next, 10));
      const latest = await opened.snapshots.latest();
      if (!latest.ok) throw new Error(`refused ${latest.code} instead of passing it over`);
      const read = latest.value?.bytes;
      if (read !== undefined && !Buffer.from(read).equals(bytes)) {
        throw new Error("a damaged snapshot was taken for a whole one");
      }
    },
    close: () => rmSync(folder, { recursive: true }),
  };
}

/** A store with some records, as its files were when the process was killed. */
async function seedStore(): Promise<ReadonlyMap<string, Uint8Array>> {
  const folder = folderFor("seed");
  const store = await openSqliteStore({ folder });
  if (!store.ok) throw new Error(store.message);
  for (let seq = 0; seq < RECORDS; seq += 1) {
    const payload = JSON.stringify({ value: seq, text: "x".repeat(seq * 20) });
    const kept = await store.value.journal.append(seq, [{ atMs: seq, type: "test", payload }]);
    if (!kept.ok) throw new Error(kept.message);
  }
  const files = new Map<string, Uint8Array>();
  for (const name of ["journal.sqlite", "journal.sqlite-wal"]) {
    files.set(name, readFileSync(join(folder, name)));
  }
  await store.value.close();
  rmSync(folder, { recursive: true });
  return files;
}

async function writeAheadLog(): Promise<Target> {
  const folder = folderFor("wal");
  const path = join(folder, "journal.sqlite-wal");
  const good = (await seedStore()).get("journal.sqlite-wal") ?? new Uint8Array();
  return {
    ...{ name: "wal", cost: FILE_COST },
    feed: (next) => {
      writeFileSync(path, damage(next, good));
      inspectWal(path);
    },
    close: () => rmSync(folder, { recursive: true }),
  };
}

async function journal(): Promise<Target> {
  const root = folderFor("journal");
  const files = await seedStore();
  let opened = 0;
  return {
    ...{ name: "journal", cost: DATABASE_COST },
    feed: async (next) => {
      opened += 1;
      const folder = join(root, String(opened));
      mkdirSync(folder);
      const hit = next() < 0.5 ? "journal.sqlite" : "journal.sqlite-wal";
      for (const [name, bytes] of files) {
        writeFileSync(join(folder, name), name === hit ? damage(next, bytes) : bytes);
      }
      await readAll(folder);
      rmSync(folder, { recursive: true });
    },
    close: () => rmSync(root, { recursive: true }),
  };
}

/** Reads what can be read; every record given out must be one that was written. */
async function readAll(folder: string): Promise<void> {
  const store = await openSqliteStore({ folder });
  if (!store.ok) return;
  const page = await store.value.journal.read({ afterSeq: 0, limit: RECORDS });
  for (const { seq, payload } of page.ok ? page.value : []) {
    const { value } = JSON.parse(payload) as { value: number };
    if (value !== seq - 1) throw new Error(`record ${seq} is not the one that was written`);
  }
  await store.value.journal.verify();
  await store.value.close();
}
