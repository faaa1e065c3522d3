/** The text: digests, parts that do not overlap, unusable text, windows. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { loadCorpus, loadSotu, loadTextFile, SOTU_DIGEST } from "./corpus.ts";
import { mulberry32 } from "./random.ts";
import { batchesOf, fillBatch, randomBatch, windowOrder, windowsOf } from "./windows.ts";

const folder = await mkdtemp(join(tmpdir(), "tequio-corpus-"));
after(() => rm(folder, { recursive: true }));

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

test("the addresses have the published digest and parts of the published sizes", async () => {
  const corpus = await loadCorpus("sotu");
  assert.ok(corpus.ok);
  const { whole, parts, digest } = corpus.value;
  assert.equal(digest, SOTU_DIGEST);
  assert.equal(createHash("sha256").update(whole).digest("hex"), SOTU_DIGEST);
  assert.equal(parts.train.bytes.length, 10_210_594);
  assert.equal(parts.gate.bytes.length, 290_176);
  assert.equal(parts.report.bytes.length, 260_643);
  assert.equal(whole.length, 10_761_413);
});

test("no address of one part is found in another, and train is the older text", async () => {
  const corpus = await loadSotu();
  assert.ok(corpus.ok);
  const { whole, parts } = corpus.value;
  const trainBytes = parts.train.bytes;
  assert.equal(Buffer.compare(whole.subarray(0, trainBytes.length), trainBytes), 0);
  const [gate, report] = [text(parts.gate.bytes), text(parts.report.bytes)];
  assert.ok(!report.includes(gate.slice(0, 200)));
  assert.ok(!gate.includes(report.slice(0, 200)));
  const train = Buffer.from(parts.train.bytes);
  for (const part of [parts.gate, parts.report]) {
    for (let at = 0; at + 80 < part.bytes.length; at += 40_000) {
      assert.equal(train.indexOf(part.bytes.subarray(at, at + 80)), -1);
    }
  }
});

test("addresses with one changed byte, and a folder without addresses, are refused", async () => {
  await writeFile(join(folder, "1790_somebody_n.txt"), "I embrace with great satisfaction");
  for (const place of [folder, join(folder, "nowhere")]) {
    const corpus = await loadSotu(undefined, place);
    assert.equal(!corpus.ok && corpus.code, "CORPUS_INVALID");
  }
});

test("a plain file is cut into 95, 2.5 and 2.5 percent without overlap", async () => {
  const path = join(folder, "plain.txt");
  const content = Array.from({ length: 1_000 }, (_, line) => `line number ${line}\n`).join("");
  await writeFile(path, content);
  const corpus = await loadTextFile(path, { context: 32, sites: 4 });
  assert.ok(corpus.ok);
  const { train, gate, report } = corpus.value.parts;
  assert.equal(text(train.bytes) + text(gate.bytes) + text(report.bytes), content);
  assert.equal(train.bytes.length, Math.floor(0.95 * content.length));
  assert.ok(Math.abs(gate.bytes.length - report.bytes.length) <= 1);
});

test("missing, empty, short and binary files are refused, each with its reason", async () => {
  const binary = Buffer.alloc(100_000, "some text ");
  binary.fill(0, 0, 1_500);
  const bad: readonly (readonly [string, Buffer | undefined, RegExp])[] = [
    ["missing.txt", undefined, /cannot be read \(ENOENT\)/],
    ["empty.txt", Buffer.alloc(0), /empty/],
    ["short.txt", Buffer.alloc(2_000, "short "), /windows/],
    ["binary.bin", binary, /NUL/],
  ];
  for (const [name, content, reason] of bad) {
    const path = join(folder, name);
    if (content !== undefined) await writeFile(path, content);
    const corpus = await loadCorpus(path);
    assert.equal(!corpus.ok && corpus.code, "CORPUS_INVALID");
    assert.match(corpus.ok ? "" : corpus.message, reason);
  }
});

test("more sites need a longer text", async () => {
  const path = join(folder, "sites.txt");
  await writeFile(path, Buffer.alloc(6_000, "words and words "));
  assert.equal((await loadTextFile(path, { context: 64, sites: 4 })).ok, true);
  assert.equal((await loadTextFile(path, { context: 64, sites: 16 })).ok, false);
});

test("the windows of a part never overlap, never leave it, and leave out less than one", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 40 }), (size, T) => {
      const part = { tokens: Uint8Array.from({ length: size }, (_, at) => at % 251) };
      const count = windowsOf(part, T);
      assert.ok(size - 1 - count * T < T);
      const { x, y } = fillBatch(part, [...Array(count).keys()], T);
      assert.deepEqual([...x], [...part.tokens.subarray(0, count * T)]);
      assert.deepEqual([...y], [...part.tokens.subarray(1, count * T + 1)]);
      assert.throws(() => fillBatch(part, [count], T), RangeError);
      assert.throws(() => fillBatch(part, [-1], T), RangeError);
    }),
    { numRuns: 60 },
  );
});

test("one pass over the order sees each window once; a range ends when it is used up", () => {
  const part = { tokens: Uint8Array.from({ length: 101 }, (_, at) => at) };
  const order = windowOrder(part, 10, 3);
  assert.deepEqual(
    [...order].sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
  const batches = batchesOf(part, order.subarray(2, 8), 10, 3);
  const starts = [0, 1].flatMap((step) => [0, 10, 20].map((at) => batches(step).x[at]! / 10));
  assert.deepEqual(starts, [...order.subarray(2, 8)]);
  assert.throws(() => batches(2), RangeError);
});

test("random batches repeat by seed and keep the target one token later", () => {
  const part = { tokens: Uint8Array.from({ length: 200 }, (_, at) => at) };
  const batch = randomBatch(part, 16, 8, mulberry32(1));
  assert.deepEqual(randomBatch(part, 16, 8, mulberry32(1)), batch);
  assert.deepEqual(
    batch.y,
    batch.x.map((id) => id + 1),
  );
});
