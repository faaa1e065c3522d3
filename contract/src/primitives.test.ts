// Tests of the small shapes: durations, sizes, arrays, names, digests, ids.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "@tequio/core/pool";
import fc from "fast-check";
import {
  Digest,
  JobId,
  Name,
  PageQuery,
  parseArray,
  parseDurationMs,
  parseSizeMiB,
} from "./index.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

test("a duration is read in our form and in Slurm's", () => {
  const cases: Record<string, number | undefined> = {
    "250ms": 250,
    "90s": 90 * SECOND,
    "30m": 30 * MINUTE,
    "1.5h": 90 * MINUTE,
    "2d": 2 * DAY,
    " 5m ": 5 * MINUTE,
    // Slurm: minutes, minutes:seconds, hours:minutes:seconds, days-hours[:minutes[:seconds]].
    "30": 30 * MINUTE,
    "10:30": 10 * MINUTE + 30 * SECOND,
    "1:02:03": HOUR + 2 * MINUTE + 3 * SECOND,
    "2-12": 2 * DAY + 12 * HOUR,
    "2-12:30": 2 * DAY + 12 * HOUR + 30 * MINUTE,
    "2-1:2:3": 2 * DAY + HOUR + 2 * MINUTE + 3 * SECOND,
    "0": 0,
  };
  for (const [text, ms] of Object.entries(cases)) assert.equal(parseDurationMs(text), ms, text);
  for (const text of ["", "soon", "-5m", "1h30m", "5 m", "1:2:3:4", "1e3s", "٣m", "5M"]) {
    assert.equal(parseDurationMs(text), undefined, text);
  }
});

test("a duration of whole seconds reads the same in every form", () => {
  const pad = (value: number): string => String(value).padStart(2, "0");
  const check = fc.property(fc.integer({ min: 0, max: 10 * 86_400 }), (seconds) => {
    const days = Math.floor(seconds / 86_400);
    const hours = Math.floor(seconds / 3_600);
    const minutes = Math.floor(seconds / 60);
    const rest = `${pad(minutes % 60)}:${pad(seconds % 60)}`;
    const forms = [`${seconds}s`, `${hours}:${rest}`, `${days}-${hours % 24}:${rest}`];
    forms.push(`${minutes}:${pad(seconds % 60)}`);
    for (const form of forms) assert.equal(parseDurationMs(form), seconds * SECOND, form);
  });
  fc.assert(check);
});

test("a size counts in powers of 1,024, and a bare number is GiB", () => {
  const cases: Record<string, number> = {
    "512M": 512,
    "512MiB": 512,
    "16GB": 16_384,
    "16 gib": 16_384,
    "1.5T": 1_572_864,
    "8": 8_192,
    "1k": 1,
    "1025k": 2,
  };
  for (const [text, mib] of Object.entries(cases)) assert.equal(parseSizeMiB(text), mib, text);
  for (const text of ["", "big", "-1G", "1P", "1 G B", "1GG"]) {
    assert.equal(parseSizeMiB(text), undefined, text);
  }
});

test("an array is read as Slurm writes it", () => {
  assert.deepEqual(parseArray("0-3"), { indices: [0, 1, 2, 3], maxRunning: 4 });
  assert.deepEqual(parseArray("0,6,3-4"), { indices: [0, 3, 4, 6], maxRunning: 4 });
  assert.deepEqual(parseArray("0-15:4%2"), { indices: [0, 4, 8, 12], maxRunning: 2 });
  assert.deepEqual(parseArray(" 7 "), { indices: [7], maxRunning: 1 });
  assert.deepEqual(parseArray("1,1,0-1"), { indices: [0, 1], maxRunning: 2 });
  for (const text of ["", "a", "5-1", "0-3:0", "0-3%0", "1-", "-1", "1,,2", "0-3%", "0-3%-1"]) {
    assert.equal(parseArray(text), undefined, text);
  }
});

test("an array has a bound, and its indices fit into a job id", () => {
  assert.equal(parseArray(`1-${LIMITS.ARRAY_TASKS_MAX}`)?.indices.length, LIMITS.ARRAY_TASKS_MAX);
  assert.equal(parseArray(`0-${LIMITS.ARRAY_TASKS_MAX}`), undefined);
  assert.ok(JobId.safeParse(`1_${parseArray("999999")!.indices[0]}`).success);
  assert.equal(parseArray("1000000"), undefined);
  // Beyond 2^53 counting up by one stands still: such an index must not be counted up to.
  assert.equal(parseArray("99999999999999999999"), undefined);
  assert.equal(parseArray("0-99999999999999999999:9999999999999999999"), undefined);
  const often = Array.from({ length: 100_000 }, () => "0-9999").join(",");
  assert.equal(parseArray(often), undefined, "what is listed again and again counts, too");
});

test("whatever text is read as a duration, a size or an array is answered at once", () => {
  const signs = fc.constantFrom(..."0123456789-,:%.smhdkgtGB ");
  const text = fc.array(signs, { maxLength: 24 }).map((parts) => parts.join(""));
  const check = fc.property(text, (word) => {
    const ms = parseDurationMs(word);
    assert.ok(ms === undefined || (Number.isFinite(ms) && ms >= 0));
    const mib = parseSizeMiB(word);
    assert.ok(mib === undefined || (Number.isFinite(mib) && mib >= 0));
    const array = parseArray(word);
    if (array === undefined) return;
    assert.ok(array.indices.length > 0 && array.maxRunning >= 1);
    assert.deepEqual(
      array.indices,
      [...new Set(array.indices)].toSorted((a, b) => a - b),
    );
  });
  fc.assert(check, { numRuns: 2_000 });
});

test("names, job ids and digests have one form", () => {
  for (const name of ["a", "A-1", "web.2_x", "x".repeat(63)]) {
    assert.ok(Name.safeParse(name).success, name);
  }
  for (const name of ["", "-a", "a-", "a b", "ä", "../x", "x".repeat(64), "a\n"]) {
    assert.ok(!Name.safeParse(name).success, JSON.stringify(name));
  }
  for (const id of ["1", "17_3", "123456789012_123456"]) assert.ok(JobId.safeParse(id).success, id);
  for (const id of ["", "a", "1_", "_1", "1234567890123", "1_2_3", "-1", "1.0"]) {
    assert.ok(!JobId.safeParse(id).success, id);
  }
  assert.ok(Digest.safeParse(`sha256:${"0a".repeat(32)}`).success);
  for (const digest of [`sha256:${"0A".repeat(32)}`, "0a".repeat(32), `sha256:${"0".repeat(63)}`]) {
    assert.ok(!Digest.safeParse(digest).success, digest);
  }
});

test("a page has a size, a default and a bound", () => {
  assert.deepEqual(PageQuery.parse({}), { limit: 100 });
  assert.deepEqual(PageQuery.parse({ limit: "5", cursor: "9" }), { limit: 5, cursor: "9" });
  for (const limit of ["0", "501", "x", "1.5", "-1"]) {
    assert.ok(!PageQuery.safeParse({ limit }).success, limit);
  }
});
