// Tests the check of declared packages and of paths into other packages.
import assert from "node:assert/strict";
import { test } from "node:test";
import { found } from "./fixture.ts";
import { importDeclared } from "./import-declared.ts";

test("a package that package.json does not declare is found", () => {
  const files = {
    "cli/a.ts": 'import { z } from "zod";\nimport ws from "ws/lib/x.js";\nimport "node:fs";',
    "engines/src/index.ts": 'import "@tequio/cli";\nimport "@tequio/engines";',
  };
  assert.deepEqual(found(importDeclared, files), [
    "cli/a.ts:2 import-declared",
    "engines/src/index.ts:1 import-declared",
  ]);
});

test("suites and settings may use the root's development packages, shipped code may not", () => {
  const line = 'import fc from "fast-check";';
  const files = {
    "cli/a.ts": line,
    "cli/a.test.ts": line,
    "cli/vite.config.ts": line,
    "engines/src/conformance/journal.ts": line,
    "engines/src/conformance.ts": line,
    "core/pool/arbitraries.testing.ts": line,
    "cli/testing.ts": line,
    "cli/testing/browser.ts": line,
  };
  assert.deepEqual(found(importDeclared, files), ["cli/a.ts:1 import-declared"]);
});

test("only tests and their like import what tests share", () => {
  const line = 'import { story } from "./story.testing.ts";';
  const files = {
    "core/pool/a.ts": line,
    "core/pool/a.test.ts": line,
    "core/pool/b.testing.ts": line,
    "core/pool/story.testing.ts": "",
  };
  assert.deepEqual(found(importDeclared, files), ["core/pool/a.ts:1 import-testing"]);
});

test("the tools may import whatever some package of the workspace declares", () => {
  const files = { "tools/a.ts": 'import "zod";\nimport "@tequio/core/pool";\nimport "left-pad";' };
  assert.deepEqual(found(importDeclared, files), ["tools/a.ts:3 import-declared"]);
});

test("a relative path into another package is found", () => {
  const files = {
    "cli/a.ts": 'import "../engines/src/index.ts";\nimport "./b.ts";',
    "cli/b.ts": "",
    "engines/src/index.ts": "",
  };
  assert.deepEqual(found(importDeclared, files), ["cli/a.ts:1 import-relative"]);
});
