// The generated kernels are those of their text.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { kernelModules } from "./kernels.ts";

test("the bytes of every WebAssembly kernel are those of its text", async () => {
  const modules = await kernelModules();
  assert.ok(modules.length > 0);
  for (const { path, text } of modules) assert.equal(readFileSync(path, "utf8"), text);
});
