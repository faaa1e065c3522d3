// Tests that the reference is what its sources say, that it holds every verb and every code, and
// that the small parts it is made with keep their word.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { CODES } from "@tequio/core/pool";
import fc from "fast-check";
import { verbsOfHelp } from "./reference/cli-page.ts";
import { quantity, table, wrap } from "./reference/markdown.ts";
import { renderPages, stalePages } from "./reference/pages.ts";
import { fieldRows, typeText } from "./reference/schema.ts";

const root = join(import.meta.dirname, "..");
const pages = await renderPages(root);
const textOf = (file: string): string => pages.find((page) => page.file === file)?.text ?? "";

test("the committed reference is up to date; `npm run docs` makes it so", () => {
  assert.deepEqual(stalePages(root, pages), []);
});

test("a page that was changed by hand, or is not ours, counts as stale", () => {
  const changed = pages.map((page) =>
    page.file === "errors.md" ? { ...page, text: `${page.text}x` } : page,
  );
  const fewer = changed.filter((page) => page.file !== "codec.md");
  const stale = stalePages(root, fewer);
  assert.ok(stale.includes("errors.md"));
  assert.ok(stale.includes("codec.md"));
});

test("every code of the pool stands on the page of errors with its status", () => {
  for (const [code, { status }] of Object.entries(CODES)) {
    assert.match(textOf("errors.md"), new RegExp(`^\\| \`${code}\` \\| ${status} \\|`, "m"));
  }
});

test("no line of prose is wider than 100 columns", () => {
  for (const { file, text } of pages.filter((page) => page.file.endsWith(".md"))) {
    const prose = text.split("\n").filter((line) => !/^[|`]/.test(line));
    assert.deepEqual([file, ...prose.filter((line) => line.length > 100)], [file]);
  }
});

test("verbs are read from the help with their headings, also when a summary is broken", () => {
  const help = [
    "Usage: tequio [options] [command]",
    "",
    "Options:",
    "  -h, --help  print help",
    "",
    "See what happens:",
    "  jobs [options]      list jobs",
    "  why <id>            say why a job waits, or",
    "                      runs where it runs",
    "",
    "Exit codes:",
    "  0  done",
  ].join("\n");
  const group = "See what happens";
  assert.deepEqual(verbsOfHelp(help), [
    { name: "jobs", summary: "list jobs", group },
    { name: "why", summary: "say why a job waits, or runs where it runs", group },
  ]);
});

test("wrapping keeps every word, in order, within the width", () => {
  const words = fc.array(fc.stringMatching(/^[a-z]{1,20}$/), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(words, (list) => {
      const wrapped = wrap(list.join(" "));
      assert.deepEqual(wrapped.split(/\s/), list);
      assert.ok(wrapped.split("\n").every((line) => line.length <= 100));
    }),
  );
});

test("quantities say the round unit only when it is exact", () => {
  assert.equal(quantity("REQUEST_BYTES_MAX", "1_048_576"), "1,048,576 (1 MiB)");
  assert.equal(quantity("GRACE_MS", "10_000"), "10,000 (10 s)");
  assert.equal(quantity("GRACE_MS", "1_500"), "1,500");
  assert.equal(quantity("ROWS_MAX", "60_000"), "60,000");
  assert.equal(quantity("SNAPSHOT_BYTES_MAX", "2_000_000_000"), "2,000,000,000");
});

test("a bar in a cell cannot break a table", () => {
  assert.equal(table(["a"], [["x | y"]]), "| a |\n|---|\n| x \\| y |");
});

test("nested fields and lists get dotted names", () => {
  const inner = { type: "object", properties: { n: { type: "integer", minimum: 1 } } };
  const schema = { properties: { a: inner, b: { type: "array", items: inner } }, required: ["a"] };
  assert.deepEqual(
    fieldRows(schema).map((row) => [row.name, row.type, row.required]),
    [
      ["a", "object", true],
      ["a.n", "whole number (≥ 1)", false],
      ["b", "list", false],
      ["b[].n", "whole number (≥ 1)", false],
    ],
  );
  assert.equal(typeText({ type: ["string", "null"] }), "text or null");
});

test("variants are shown as one: what only some of them have is optional", () => {
  const text = { type: "string" };
  const kind = (name: string) => ({ type: "string", const: name });
  const a = { type: "object", properties: { kind: kind("a"), x: text }, required: ["kind", "x"] };
  const b = { type: "object", properties: { kind: kind("b") }, required: ["kind"] };
  const schema = { properties: { event: { oneOf: [a, b] } }, required: ["event"] };
  assert.deepEqual(
    fieldRows(schema).map((row) => [row.name, row.type, row.required]),
    [
      ["event", "object", true],
      ["event.kind", "`a` or `b`", true],
      ["event.x", "text", false],
    ],
  );
});
