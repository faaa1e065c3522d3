// Tests that engines and stores cannot import each other unseen.
import assert from "node:assert/strict";
import { test } from "node:test";
import { found } from "./fixture.ts";
import { importSideways } from "./import-sideways.ts";

test("an engine that imports its neighbour is found, one that imports the port is not", () => {
  const files = {
    "engines/src/port.ts": "",
    "engines/src/local/index.ts": 'import "../port.ts";\nimport "./run.ts";',
    "engines/src/local/run.ts": 'import { x } from "../slurm/index.ts";',
    "engines/src/slurm/index.ts": "",
    "stores/src/sqlite/index.ts": 'import type { M } from "../memory/index.ts";',
    "stores/src/memory/index.ts": "",
  };
  assert.deepEqual(found(importSideways, files), [
    "engines/src/local/run.ts:1 import-sideways",
    "stores/src/sqlite/index.ts:1 import-sideways",
  ]);
});

test("a store may be put together from shared parts, which know no store", () => {
  const files = {
    "stores/src/files/blobs.ts": 'import "../sqlite/index.ts";',
    "stores/src/sqlite/index.ts": 'import "../files/blobs.ts";',
  };
  assert.deepEqual(found(importSideways, files), ["stores/src/files/blobs.ts:1 import-concrete"]);
});

test("only the composition root and tests name a concrete engine", () => {
  const line = 'import { local } from "@tequio/engines/local";';
  const files = {
    "engines/src/local/index.ts": "",
    "agent/a.ts": line,
    "agent/a.test.ts": line,
    "agent/testing/place.ts": line,
    "tequio/src/main.ts": line,
  };
  assert.deepEqual(found(importSideways, files), ["agent/a.ts:1 import-concrete"]);
});
