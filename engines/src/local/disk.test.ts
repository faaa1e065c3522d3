// Tests what counts as used, and that a limit is noticed once.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { usedBytes, watchDisk } from "./disk.ts";

const root = mkdtempSync(join(tmpdir(), "tequio-disk-"));
after(() => rmSync(root, { recursive: true, force: true }));
const MIB = 1_048_576;

test("what lies below counts as it lies on the disk, and links lead nowhere", async () => {
  const folder = join(root, "a");
  mkdirSync(join(folder, "deep", "deeper"), { recursive: true });
  const empty = await usedBytes(folder, 100 * MIB);
  writeFileSync(join(folder, "one"), Buffer.alloc(MIB, 1));
  writeFileSync(join(folder, "deep", "deeper", "two"), Buffer.alloc(2 * MIB, 1));
  writeFileSync(join(folder, "sparse"), "");
  truncateSync(join(folder, "sparse"), 50 * MIB);
  symlinkSync("/usr", join(folder, "elsewhere"));
  const used = (await usedBytes(folder, 100 * MIB)) - empty;
  assert.ok(used >= 3 * MIB && used < 3.2 * MIB, `${used}`);
  assert.ok((await usedBytes(folder, MIB)) > MIB, "counting stops once it is enough");
  assert.equal(await usedBytes(join(root, "nowhere"), 1), 0);
});

test("a folder beyond its limit is told once, one within it never", async () => {
  const folder = join(root, "b");
  mkdirSync(folder);
  const told: string[] = [];
  watchDisk(folder, 1, (why) => told.push(why));
  watchDisk(folder, 9, (why) => told.push(why));
  writeFileSync(join(folder, "file"), Buffer.alloc(2 * MIB, 1));
  await sleep(2_300);
  assert.deepEqual(told, ["OUT_OF_DISK: The tasks here wrote more than their 1 MiB."]);
});
