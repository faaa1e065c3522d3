// A log reads the same however its bytes arrive, and never grows past the page's limit.
/// <reference types="node" />
import assert from "node:assert/strict";
import { test } from "node:test";
import { LOG_CHARS_MAX, makeLogText } from "./log-text.ts";

test("a character that is cut in two is put together again", () => {
  const bytes = new TextEncoder().encode("Überall 数据\n");
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const add = makeLogText();
    add(bytes.slice(0, cut));
    assert.equal(add(bytes.slice(cut)).text, "Überall 数据\n", `cut at ${cut}`);
  }
});

test("terminal colours are taken out, also when they arrive in pieces", () => {
  const add = makeLogText();
  const encode = (text: string) => new TextEncoder().encode(text);
  add(encode("\u001b[3"));
  assert.equal(add(encode("1mred\u001b[0m plain")).text, "red plain");
});

test("a long log keeps its end and says that it was cut", () => {
  const add = makeLogText();
  const line = new TextEncoder().encode(`${"x".repeat(99_999)}\n`);
  for (let i = 0; i < 4; i += 1) assert.equal(add(line).cut, false);
  const last = add(new TextEncoder().encode("the end\n"));
  assert.equal(last.cut, true);
  assert.ok(last.text.length <= LOG_CHARS_MAX);
  assert.ok(last.text.endsWith("x\nthe end\n"));
  assert.equal(last.text.length % 100_000, 8);
});
