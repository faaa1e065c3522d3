// Tests that the runner of the suites on real components never passes in silence. The component
// is played by Node itself, which answers --version as a browser does.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";

const PASSING = 'import { test } from "node:test";\ntest("passes", () => {});\n';
const FAILING = 'import { test } from "node:test";\ntest("fails", () => { throw new Error(); });\n';

interface Ended {
  readonly status: number | null;
  readonly out: string;
}

function real(files: Readonly<Record<string, string>>, chromium: string): Ended {
  const root = mkdtempSync(join(tmpdir(), "tequio-real-"));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(root, dirname(path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    // Inside a test run, Node marks its children as parts of that run; this one stands alone.
    const env = { ...process.env, CHROMIUM_PATH: chromium, NODE_TEST_CONTEXT: undefined };
    const runner = join(import.meta.dirname, "real.ts");
    const ended = spawnSync(process.execPath, [runner, root], { encoding: "utf8", env });
    return { status: ended.status, out: ended.stdout + ended.stderr };
  } finally {
    rmSync(root, { recursive: true });
  }
}

test("a missing component is an error that says how to install it", () => {
  const ended = real({ "a/a.real.ts": PASSING }, "/nowhere/chromium");
  assert.equal(ended.status, 1);
  assert.match(ended.out, /Chromium is missing at \/nowhere\/chromium/);
  assert.match(ended.out, /apt-get install chromium/);
});

test("a folder without any suite is an error", () => {
  const ended = real({ "a/a.test.ts": PASSING }, process.execPath);
  assert.equal(ended.status, 1);
  assert.match(ended.out, /There is no \*\.real\.ts/);
});

test("suites are run, packages' own ones are not, and a failing suite fails the run", () => {
  const foreign = { "node_modules/x/x.real.ts": FAILING };
  const good = real({ ...foreign, "a/a.real.ts": PASSING }, process.execPath);
  assert.equal(good.status, 0, good.out);
  assert.match(good.out, /pass 1\b/);
  const bad = real({ "a/a.real.ts": PASSING, "b/b.real.ts": FAILING }, process.execPath);
  assert.equal(bad.status, 1);
  assert.match(bad.out, /fail 1\b/);
});
