// Tests which first lines count as saying what a file is for.
import assert from "node:assert/strict";
import { test } from "node:test";
import { found } from "./fixture.ts";
import { openingComment } from "./opening-comment.ts";

const WORDS = "Says what this file is for.";

test("files that open with a sentence pass, whatever comment they use", () => {
  const files = {
    "cli/a.ts": `// ${WORDS}\nlet a;`,
    "cli/b.js": `#!/usr/bin/env node\n// entry: npm\n\n/** ${WORDS} */\nlet a;`,
    "console/c.css": `/* ${WORDS} */\na {}`,
  };
  assert.deepEqual(found(openingComment, files), []);
});

test("code first, a heading only, or a remark to a machine is found", () => {
  const files = {
    "cli/a.ts": `let a;\n// ${WORDS}`,
    "cli/b.ts": "// utils\nlet a;",
    "cli/c.ts": "// biome-ignore lint/style/x: a long enough text for a machine\nlet a;",
    "cli/d.css": "a {}",
    "cli/e.ts": "",
    "cli/f.ts": `let a = "// ${WORDS}";`,
  };
  assert.deepEqual(
    found(openingComment, files),
    ["a.ts", "b.ts", "c.ts", "d.css", "e.ts", "f.ts"].map((f) => `cli/${f}:1 opening-comment`),
  );
});
