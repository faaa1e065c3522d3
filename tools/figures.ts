// Draws the pictures of docs/guide/scheduling.md from what the simulator really gives: the recorded
// results of openb, a replay of the Philly trace, and a small case of backfilling.
// Use: node tools/figures.ts [--philly philly_jobs.csv.gz]; without the trace its picture stays.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import { parsePhilly } from "@tequio/core/simulator";
import { backfillPicture } from "./figures/backfill.ts";
import { newestRows, openbPicture } from "./figures/openb.ts";
import { ownerWaits, phillyPicture } from "./figures/philly.ts";

const { values } = parseArgs({ options: { philly: { type: "string" } } });
const root = join(import.meta.dirname, "..");
const folder = join(root, "docs/guide/pictures");

function write(name: string, svg: string): void {
  writeFileSync(join(folder, name), svg);
  console.log(`docs/guide/pictures/${name}`);
}

mkdirSync(folder, { recursive: true });
write("backfill.svg", backfillPicture());
const openb = readFileSync(join(root, "bench/results/openb.jsonl"), "utf8");
write("openb-fill.svg", openbPicture(newestRows(openb)));
if (values.philly !== undefined) {
  const bytes = readFileSync(values.philly);
  const csv = values.philly.endsWith(".gz") ? gunzipSync(bytes) : bytes;
  const trace = parsePhilly(csv.toString("utf8"));
  if (!trace.ok) throw new Error(`${trace.message} ${trace.hint}`);
  write("philly-owners.svg", phillyPicture(ownerWaits(trace.value)));
}
