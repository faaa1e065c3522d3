/** Which executor a machine gets, and what it says when the faster one is missing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Executor, type ExecutorKind, type Loaders, openExecutor } from "./executor.ts";

const fake = (kind: ExecutorKind): Executor => ({
  kind,
  version: "fake",
  threads: 1,
  open: async () => ({ run: async () => ({}), release: async () => {} }),
});
const missing = async (): Promise<Executor> => {
  throw new Error("Cannot find package 'onnxruntime-node'\nand where it was looked for");
};
const both: Loaders = { native: async () => fake("native"), wasm: async () => fake("wasm") };

test("native is taken where it loads, and the other one where it is asked for", async () => {
  for (const [prefer, kind] of [
    [undefined, "native"],
    ["native", "native"],
    ["wasm", "wasm"],
  ] as const) {
    const opened = await openExecutor({ threads: 1, ...(prefer && { prefer }) }, both);
    assert.equal(opened.ok && opened.value.executor.kind, kind);
    assert.equal(opened.ok && opened.value.fallbackReason, undefined);
  }
});

test("without native the fallback is wasm, with the reason in one line", async () => {
  const opened = await openExecutor({ threads: 1 }, { ...both, native: missing });
  assert.equal(opened.ok && opened.value.executor.kind, "wasm");
  const reason = opened.ok && opened.value.fallbackReason;
  assert.equal(reason, "native: Cannot find package 'onnxruntime-node'");
});

test("a preferred executor that does not load is refused, never silently replaced", async () => {
  const loaders = { ...both, native: missing };
  const opened = await openExecutor({ threads: 1, prefer: "native" }, loaders);
  assert.equal(!opened.ok && opened.code, "EXECUTOR_UNAVAILABLE");
});

test("WASM really opens here, with a version for reports", async () => {
  const opened = await openExecutor({ threads: 1, prefer: "wasm" });
  assert.ok(opened.ok);
  assert.match(opened.value.executor.version, /^onnxruntime-web \d+\.\d+/);
  assert.equal(opened.value.executor.threads, 1);
});
