// The words and numbers that people read: limits between units, and what is never rounded away.
/// <reference types="node" />
import assert from "node:assert/strict";
import { test } from "node:test";
import * as format from "./format.ts";

test("device time is hours, minutes and seconds without an upper bound", () => {
  assert.equal(format.clock(0), "0:00:00");
  assert.equal(format.clock(3_661_999), "1:01:01");
  assert.equal(format.clock(360_000_000), "100:00:00");
});

test("a length of time is written in its two largest units", () => {
  assert.equal(format.duration(250), "250 ms");
  assert.equal(format.duration(4_260), "4.3 s");
  assert.equal(format.duration(260_000), "4 min 20 s");
  assert.equal(format.duration(7_200_000), "2 h");
  assert.equal(format.duration(183_600_000), "2 d 3 h");
});

test("a moment is told from now, in both directions", () => {
  assert.equal(format.relative(1_000, 2_000), "now");
  assert.equal(format.relative(0, 30_000), "30 s ago");
  assert.equal(format.relative(600_000, 0), "in 10 min");
});

test("large numbers keep three digits and say their unit", () => {
  assert.equal(format.short(0), "0");
  assert.equal(format.short(999), "999");
  assert.equal(format.short(1_234), "1.23 k");
  assert.equal(format.short(999_900), "1.00 M");
  assert.equal(format.short(-12_345), "-12.3 k");
  assert.equal(format.bytes(512), "512 B");
  assert.equal(format.bytes(1_500_000), "1.50 MB");
  assert.equal(format.whole(1_234_567), "1\u202f234\u202f567");
});

test("memory is written in powers of 1,024", () => {
  assert.equal(format.memory(512), "512 MiB");
  assert.equal(format.memory(81_920), "80 GiB");
  assert.equal(format.memory(1_572_864), "1.5 TiB");
});

test("a link is told in bits, as it is sold", () => {
  assert.equal(format.bitRate(32.94), "32.9 Mbit/s");
  assert.equal(format.bitRate(1_454), "1.45 Gbit/s");
  assert.equal(format.bitRate(0), "0 bit/s");
  assert.equal(format.bitRates(940, 20), "940 / 20.0 Mbit/s");
  assert.equal(format.bitRates(623, 1_020), "623 Mbit/s / 1.02 Gbit/s");
});

test("parts of a whole are rounded to the nearest tenth", () => {
  assert.deepEqual([2 / 3, 1 / 3].map(format.part), ["66.7\u00a0%", "33.3\u00a0%"]);
});

test("credits keep three decimals and their sign", () => {
  assert.equal(format.credits(1_234_567_890), "1\u202f234.568");
  assert.equal(format.credits(-500_000), "-0.500");
});

test("progress says 100 % only when it is finished", () => {
  assert.equal(format.percent(0.99999), "99.9\u00a0%");
  assert.equal(format.percent(1), "100\u00a0%");
  assert.equal(format.percent(-1), "0.0\u00a0%");
});

test("base64 gives back every byte", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  const text = Buffer.from(bytes).toString("base64");
  assert.deepEqual(format.fromBase64(text), bytes);
});
