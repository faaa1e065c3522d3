// Tests of the guide's pictures: they show what the scheduler does and what was recorded.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parsePhilly } from "@tequio/core/simulator";
import { backfillPicture, CASE, timeline } from "./backfill.ts";
import { newestRows, openbPicture } from "./openb.ts";
import { ownerWaits, phillyPicture } from "./philly.ts";
import { picture, text } from "./svg.ts";

const root = join(import.meta.dirname, "../..");
const guide = (name: string): string =>
  readFileSync(join(root, "docs/guide/pictures", name), "utf8");

test("the committed timeline is what the scheduler does; `node tools/figures.ts` draws it", () => {
  assert.equal(backfillPicture(), guide("backfill.svg"));
});

test("in the timeline backfill delays nobody, and some start sooner", () => {
  const from = (mode: "none" | "easy") =>
    new Map(timeline(mode).map(({ id, fromH }) => [id, fromH]));
  const [none, easy] = [from("none"), from("easy")];
  assert.equal(easy.size, CASE.length);
  for (const { id } of CASE) assert.ok(easy.get(id)! <= none.get(id)!, `job ${id}`);
  assert.ok(easy.get("3")! < none.get("3")!);
  assert.equal(easy.get("2"), none.get("2"));
});

test("the picture of openb has a line for each workload of the newest record", () => {
  const rows = newestRows(readFileSync(join(root, "bench/results/openb.jsonl"), "utf8"));
  const svg = openbPicture(rows);
  for (const { workload } of rows) assert.ok(svg.includes(`>${workload}<`), workload);
  assert.throws(() => newestRows(""), /no record/);
});

test("owners are shown with their waits alone and pooled, longest first", () => {
  const head = "timestamp,duration,num_gpus,gpu_time,cluster\n";
  const lines = Array.from(
    { length: 40 },
    (_, at) => `2017-10-01 00:00:${at + 10},3600,8,28800,${at % 2 === 0 ? "a" : "b"}`,
  );
  const trace = parsePhilly(head + lines.join("\n"));
  assert.ok(trace.ok, trace.ok ? "" : trace.message);
  const rows = ownerWaits(trace.value);
  assert.deepEqual(rows.map(({ owner }) => owner).sort(), ["a", "b"]);
  assert.ok(rows[0]!.aloneH >= rows[1]!.aloneH);
  // Nobody is worse off by more than the second that the measure allows.
  for (const { aloneH, sharesH } of rows) assert.ok(sharesH <= aloneH + 1 / 3_600);
  assert.match(phillyPicture(rows), />owner a</);
});

test("words cannot break a picture", () => {
  assert.match(picture(10, 10, "a < b & c", [text(0, 0, "<x>")]), /a &lt; b &amp; c.*&lt;x&gt;/s);
});
