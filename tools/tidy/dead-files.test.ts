// Tests which files count as reached.
import assert from "node:assert/strict";
import { test } from "node:test";
import { deadFiles } from "./dead-files.ts";
import { found } from "./fixture.ts";

test("files are alive through exports, commands, scripts, pages, module paths and marks", () => {
  const files = {
    "core/pool/index.ts": 'export * from "./ids.ts";',
    "core/pool/ids.ts": 'import type { T } from "./types.ts";',
    "core/pool/types.ts": "",
    "cli/bin/tequio.js": 'await import("./verb.js");\nnew URL("./w.ts", import.meta.url);',
    "cli/bin/verb.js": "",
    "cli/bin/w.ts": "",
    "cli/vite.config.ts": "",
    "tequio/src/main.ts": "",
    "tools/start.ts": "",
    "bench/demo.ts": "",
    "console/index.html": '<link href="/a.css"><script src="/src/main.tsx"></script>',
    "console/a.css": "",
    "console/src/main.tsx": 'import "./b.css";',
    "console/src/b.css": "",
    "engines/src/worker.ts": "// Opens.\n// entry: the local engine starts it as a process\n",
  };
  assert.deepEqual(found(deadFiles, files), []);
});

test("unreached files are found, even when they import each other", () => {
  const files = {
    "cli/a.ts": 'import "./b.ts";',
    "cli/b.ts": 'import "./a.ts";',
    "console/c.css": "",
  };
  assert.deepEqual(
    found(deadFiles, files),
    ["cli/a.ts", "cli/b.ts", "console/c.css"].map((path) => `${path}:1 dead-file`),
  );
});

test("a file that only its own test knows is dead; one that tests share is not", () => {
  const files = {
    "cli/a.ts": "",
    "cli/a.test.ts": 'import "./a.ts";\nimport "./fixture.ts";',
    "cli/fixture.ts": "",
  };
  assert.deepEqual(found(deadFiles, files), ["cli/a.ts:1 dead-file"]);
});
