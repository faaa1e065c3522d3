// The recipes in deploy/ as far as they can be checked without installing them: systemd reads the
// units, and every flag that they and the container use exists. Needs `systemd-analyze`.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "..");
const DEPLOY = join(ROOT, "deploy");
const UNITS = globSync("systemd/*.service", { cwd: DEPLOY }).map((path) => join(DEPLOY, path));

/** What `verify` cannot find on a machine where nothing is installed, replaced by what is there. */
const inPlace = (unit: string): string =>
  unit
    .replaceAll("/usr/local/bin/tequio", process.execPath)
    .replaceAll(/^Documentation=.*$/gm, "Documentation=file:///etc/hostname")
    .replaceAll(/^(User|Group)=.*$/gm, "$1=root");

test("systemd reads every unit without a complaint", () => {
  assert.equal(UNITS.length, 2);
  const folder = mkdtempSync(join(tmpdir(), "tequio-units-"));
  try {
    for (const path of UNITS) {
      const copy = join(folder, basename(path));
      writeFileSync(copy, inPlace(readFileSync(path, "utf8")));
      const ran = spawnSync("systemd-analyze", ["verify", "--man=no", copy], { encoding: "utf8" });
      assert.equal(ran.error, undefined, "install it with `apt-get install systemd`");
      const own = ran.stderr.split("\n").filter((line) => line.includes(basename(path)));
      assert.deepEqual([ran.status, own], [0, []], ran.stderr);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** The words of a command line of ours: the verb and its flags. */
function commandsIn(text: string): readonly (readonly string[])[] {
  const units = [...text.matchAll(/^ExecStart=\S+ (.*)$/gm)].map((found) => found[1]!.split(/\s+/));
  const container = [...text.matchAll(/^CMD (\[.*\])$/gm)].map(
    (found) => JSON.parse(found[1]!) as string[],
  );
  return [...units, ...container];
}

test("every flag that a recipe uses is one of the verb's", () => {
  const files = [...UNITS, join(DEPLOY, "Containerfile")];
  const commands = files.flatMap((path) => commandsIn(readFileSync(path, "utf8")));
  assert.equal(commands.length, 3);
  for (const [verb = "", ...words] of commands) {
    const args = [join(ROOT, "tequio", "bin", "tequio.js"), verb, "--help"];
    const help = spawnSync(process.execPath, args, { encoding: "utf8" }).stdout;
    for (const flag of words.filter((word) => word.startsWith("--"))) {
      assert.match(help, new RegExp(`${flag}\\b`), `${verb} ${flag}`);
    }
  }
});
