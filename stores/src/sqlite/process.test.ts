// The SQLite store among processes: killed in the middle, locked out, on a full disk, without
// permission. Every test starts real processes and kills them for real.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { good, records, refused, withPlace } from "../conformance/support.ts";
import { replay } from "../replay.ts";
import { openSqliteStore } from "./index.ts";
import { startChild } from "./testing/run.ts";

test("what was acknowledged before a kill -9 is all there, in order and verified", () =>
  withPlace(async (folder) => {
    for (const delayMs of [5, 40, 90]) {
      const child = startChild("stream", folder);
      await child.said(1);
      await sleep(delayMs);
      await child.kill();
      const acknowledged = Math.max(...child.lines().map(Number));
      const store = good(await openSqliteStore({ folder }));
      const { journal, info } = store;
      assert.ok(journal.head().seq >= acknowledged, `${journal.head().seq} < ${acknowledged}`);
      assert.equal(journal.head().seq % 3, 0, "an append of three is there as a whole or not");
      if (info.recovered) assert.equal(info.recovered.lastSeq, journal.head().seq);
      let next = 1;
      const visit = (record: { readonly seq: number; readonly payload: string }) => {
        assert.equal(JSON.parse(record.payload).number, next);
        next += 1;
      };
      assert.equal(good(await replay(journal, 0, visit)).lastSeq, journal.head().seq);
      await store.close();
    }
  }));

test("a folder in use is refused with the process's number, and free when that is killed", () =>
  withPlace(async (folder) => {
    const child = startChild("append", folder);
    await child.said(1);
    try {
      const refusal = refused(await openSqliteStore({ folder }), "STORE_LOCKED");
      assert.match(refusal.message, new RegExp(`\\b${child.pid}\\b`));
      // Asking must not have loosened the lock.
      refused(await openSqliteStore({ folder }), "STORE_LOCKED");
    } finally {
      await child.kill();
    }
    const store = good(await openSqliteStore({ folder }));
    assert.equal(store.journal.head().seq, 12);
    await store.close();
  }));

test("a folder that may not be written is refused", { skip: noPermissions() }, () =>
  withPlace(async (place) => {
    const folder = `${place}/data`;
    await good(await openSqliteStore({ folder })).close();
    chmodSync(place, 0o755);
    chmodSync(folder, 0o555);
    const child = startChild("unwritable", folder);
    await child.said(1);
    await child.ended();
    chmodSync(folder, 0o755);
    assert.deepEqual(child.lines(), ["STORE_UNWRITABLE"]);
  }),
);

interface Filled {
  readonly refusals: readonly string[];
  readonly headWhenFull: number;
  readonly later: string;
  readonly verified: number;
  readonly offset: number;
  readonly left: readonly string[];
  readonly blobs: number;
}

async function fill(folder: string, through: readonly string[]): Promise<Filled> {
  const child = startChild("fill", folder, through);
  assert.equal(await child.ended(), 0);
  return JSON.parse(child.lines()[0] ?? "") as Filled;
}

function nothingHalfWritten(filled: Filled): void {
  assert.deepEqual(filled.refusals, Array(4).fill("STORE_FULL"));
  assert.ok(filled.headWhenFull > 0 && filled.headWhenFull % 50 === 0);
  assert.deepEqual([filled.left, filled.blobs, filled.offset], [[], 0, 0]);
}

test(
  "a full disk loses nothing, keeps nothing half, and works again when there is space",
  {
    skip: noMount(),
  },
  () =>
    withPlace(async (folder) => {
      const mount = 'mount -t tmpfs -o size=2m none "$0" && exec "$@"';
      const filled = await fill(folder, [...sandbox()!, "sh", "-c", mount, folder]);
      nothingHalfWritten(filled);
      assert.equal(filled.later, "ok");
      assert.equal(filled.verified, filled.headWhenFull + 1);
    }),
);

test(
  "a limit on file sizes is met like a full disk, and what was kept is whole",
  {
    skip: process.platform === "win32" ? "Windows has no such limit." : false,
  },
  () =>
    withPlace(async (folder) => {
      // 1,024 blocks: 512 KiB or 1 MiB, as the shell counts.
      const filled = await fill(folder, ["sh", "-c", 'ulimit -f 1024 && exec "$@"', "sh"]);
      nothingHalfWritten(filled);
      const store = good(await openSqliteStore({ folder }));
      assert.ok(store.journal.head().seq >= filled.headWhenFull);
      assert.equal(good(await store.journal.verify()).seq, store.journal.head().seq);
      await store.close();
    }),
);

test("a bound on the journal refuses what does not fit, and a higher one lets it in", () =>
  withPlace(async (folder) => {
    const small = good(await openSqliteStore({ folder, journalBytesMax: 65_536 }));
    let outcome = await small.journal.append(0, records(100));
    while (outcome.ok) {
      outcome = await small.journal.append(outcome.value.seq, records(100));
    }
    refused(outcome, "STORE_FULL");
    const full = small.journal.head().seq;
    assert.ok(full >= 100 && full % 100 === 0);
    assert.equal(good(await small.journal.verify()).seq, full);
    refused(await small.journal.append(full, records(100)), "STORE_FULL");
    // What still fits is taken: one refusal does not stop the journal.
    assert.equal(good(await small.journal.append(full, records(1))).seq, full + 1);
    await small.close();
    const large = good(await openSqliteStore({ folder, journalBytesMax: 1_048_576 }));
    assert.equal(good(await large.journal.append(full + 1, records(100))).seq, full + 101);
    await large.close();
  }));

/** Words that start a program where it may mount; nothing where that is not allowed. */
function sandbox(): readonly string[] | undefined {
  const ways = [
    ["unshare", "-m"],
    ["unshare", "-Urm"],
  ];
  return ways.find(([program = "", ...words]) => {
    const probe = [...words, "sh", "-c", "mount -t tmpfs none /mnt"];
    return spawnSync(program, probe, { stdio: "ignore" }).status === 0;
  });
}

function noMount(): string | false {
  return sandbox() === undefined && "Mounting a small disk needs Linux with user namespaces.";
}

function noPermissions(): string | false {
  return process.platform === "win32" && "Windows has other permissions.";
}
