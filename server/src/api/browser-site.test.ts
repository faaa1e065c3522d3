// Proves what a site in a tab gets and what nobody gets by these addresses.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openMemoryStore } from "@tequio/stores/memory";
import { good, startServer } from "../testing/setup.ts";

test("the engine's loader and WebAssembly are served to anyone, and no other file", async (t) => {
  const { http } = await startServer(t, good(await openMemoryStore()), {});
  const loader = await http("/engine/ort.wasm.bundle.min.mjs", { token: null });
  assert.equal(loader.status, 200);
  assert.match(loader.headers.get("content-type") ?? "", /javascript/);
  assert.equal(loader.headers.get("cross-origin-embedder-policy"), "require-corp");
  await loader.arrayBuffer();
  for (const file of ["package.json", "..%2fpackage.json", "ort.none.mjs", "types.d.ts"]) {
    assert.equal((await http(`/engine/${file}`, { token: null })).status, 404, file);
  }
});

test("the text of a run is for the tasks of its sites only", async (t) => {
  const { http } = await startServer(t, good(await openMemoryStore()), {});
  assert.equal((await http("/v1/runs/1/text", { token: null })).status, 401);
  assert.equal((await http("/v1/runs/1/text", {})).status, 403, "a person");
});
