// Tests that a built file names built files, and nothing else is changed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { build, rename } from "./rewrite.ts";

const FILES = new Map([
  ["@tequio/core/pool", "core/pool/index.ts"],
  ["@tequio/agent", "agent/src/index.ts"],
]);
const resolve = (name: string): string | undefined => FILES.get(name);

test("imports, workers and loaded parts name built files, and are told", async () => {
  const source = `import { ok, type Outcome } from "@tequio/core/pool";
    import type { Gone } from "./gone.ts";
    import * as zod from "zod";
    const worker = new URL("./thread.ts", import.meta.url);
    const load = () => import("../demo/main.ts");
    export const same = (gone: Gone): Outcome<Gone> => ok(gone);`;
  const { text, needs } = await build("tequio/src/verbs/up.ts", source, resolve);
  assert.deepEqual(needs.toSorted(), [
    ...["core/pool/index.ts", "tequio/src/demo/main.ts", "tequio/src/verbs/thread.ts"],
  ]);
  assert.match(text, /from "..\/..\/..\/core\/pool\/index.js"/);
  assert.match(text, /new URL\(".\/thread.js", import.meta.url\)/);
  assert.match(text, /import\("..\/demo\/main.js"\)/);
  assert.match(text, /from "zod"/);
  assert.doesNotMatch(text, /gone.ts|Outcome|: Gone/);
});

test("words that only end like a file stay, and a package of ours must be there", () => {
  const source = 'const a = "@other/agent"; const b = "say ./x.ts"; const c = ".ts";';
  assert.deepEqual(rename("cli/src/a.ts", source, resolve), { text: source, needs: [] });
  assert.throws(
    () => rename("cli/src/a.ts", 'import "@tequio/agent-9/x";', resolve),
    /cli\/src\/a.ts names @tequio\/agent-9\/x/,
  );
});

test("a neighbour in the same folder is named from here", () => {
  const { text } = rename("agent/src/agent.d.ts", 'import "@tequio/agent";', resolve);
  assert.equal(text, 'import "./index.js";');
});
