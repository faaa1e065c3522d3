// Tests of weekly hours: what is read, and that the next change is exactly where the answer
// changes, also over a change of the clocks.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hoursAt, longestOpenMs, parseHours, WEEK_MINUTES, type WeeklyHours } from "./hours.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Monday 2026-03-02 00:00 UTC. */
const MONDAY_MS = Date.UTC(2026, 2, 2);

const hours = (windows: readonly string[], offsets = [{ fromMs: 0, minutes: 0 }]): WeeklyHours => {
  const spans = parseHours(windows);
  assert.ok(spans.ok, spans.ok ? "" : spans.message);
  return { zone: "UTC", windows, spans: spans.value, offsets };
};

test("nights of weekdays run into the next morning, and the weekend is whole", () => {
  const nights = hours(["Mon-Fri 18:00-08:00", "Sat-Sun"]);
  const at = (day: number, hour: number) =>
    hoursAt(nights, MONDAY_MS + (day * 24 + hour) * HOUR_MS);
  // Monday morning belongs to the night of Sunday, which is no weekday.
  assert.equal(at(0, 7).open, false);
  assert.equal(at(0, 12).open, false);
  assert.equal(at(0, 12).untilMs, MONDAY_MS + 18 * HOUR_MS);
  assert.equal(at(1, 3).untilMs, MONDAY_MS + 32 * HOUR_MS);
  // From Friday evening it is open until the Monday after.
  assert.deepEqual(at(4, 20), { open: true, untilMs: MONDAY_MS + 7 * 24 * HOUR_MS });
  assert.equal(longestOpenMs(nights), (6 + 48) * HOUR_MS);
});

test("hours that never close and hours that never open have no next change", () => {
  assert.deepEqual(hoursAt(hours(["daily"]), MONDAY_MS), { open: true, untilMs: null });
  assert.equal(longestOpenMs(hours(["daily"])), Infinity);
  assert.deepEqual(hoursAt(hours([]), MONDAY_MS), { open: false, untilMs: null });
});

test("what is no stretch of a week is refused with a hint", () => {
  for (const text of ["Mon-Fry 1:00-2:00", "18:00-08:00", "Mon 25:00-26:00", "Mon 1:60-2:00", ""]) {
    const parsed = parseHours([text]);
    assert.ok(!parsed.ok && parsed.code === "INVALID_REQUEST", text);
  }
});

test("on the night of the change of clocks the hours last as long as local time says", () => {
  // Berlin leaves summer time on 2026-10-25 at 01:00 UTC: that night is one hour longer.
  const offsets = [
    { fromMs: 0, minutes: 120 },
    { fromMs: Date.UTC(2026, 9, 25, 1), minutes: 60 },
  ];
  const night = hours(["daily 22:00-06:00"], offsets);
  const from = Date.UTC(2026, 9, 24, 20);
  assert.equal(hoursAt(night, from - 1).untilMs, from);
  assert.deepEqual(hoursAt(night, from), { open: true, untilMs: from + 9 * HOUR_MS });
});

const spansArbitrary = fc
  .array(
    fc.record({
      day: fc.integer({ min: 0, max: 6 }),
      from: fc.integer({ min: 0, max: 1_439 }),
      to: fc.integer({ min: 1, max: 1_440 }),
    }),
    { maxLength: 5 },
  )
  .map((list) => {
    const names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const clock = (minute: number): string =>
      `${Math.floor(minute / 60)}:${String(minute % 60).padStart(2, "0")}`;
    return list.map(({ day, from, to }) => `${names[day]} ${clock(from)}-${clock(to)}`);
  });

/** The definition, minute by minute: the local minute of the week lies in some written window. */
function isOpenByHand(week: WeeklyHours, atMs: number): boolean {
  const offset = week.offsets.findLast(({ fromMs }) => fromMs <= atMs) ?? week.offsets[0]!;
  const local = Math.floor(atMs / MINUTE_MS) + offset.minutes + 3 * 1_440;
  const minute = ((local % WEEK_MINUTES) + WEEK_MINUTES) % WEEK_MINUTES;
  return week.spans.some(({ from, to }) => from <= minute && minute < to);
}

test("the answer stays as it is until the next change, and not a minute longer", () => {
  const sample = fc.record({
    windows: spansArbitrary,
    atMinute: fc.integer({ min: 0, max: 3 * WEEK_MINUTES }),
    jump: fc.integer({ min: 0, max: 3 * WEEK_MINUTES }),
    minutes: fc.constantFrom(-720, -60, 0, 30, 60, 120),
  });
  let changes = 0;
  const check = fc.property(sample, ({ windows, atMinute, jump, minutes }) => {
    const offsets = [
      { fromMs: 0, minutes: 60 },
      { fromMs: MONDAY_MS + jump * MINUTE_MS, minutes },
    ];
    const week = hours(windows, offsets);
    const atMs = MONDAY_MS + atMinute * MINUTE_MS;
    const { open, untilMs } = hoursAt(week, atMs);
    const endMs = untilMs ?? atMs + WEEK_MINUTES * MINUTE_MS;
    if (untilMs !== null) changes += 1;
    for (let ms = atMs; ms < endMs; ms += 7 * MINUTE_MS) {
      assert.equal(isOpenByHand(week, ms), open);
    }
    if (untilMs !== null) {
      assert.equal(isOpenByHand(week, untilMs), !open);
      assert.equal(isOpenByHand(week, untilMs - 1), open);
    }
  });
  fc.assert(check, { numRuns: 300, seed: 11 });
  assert.ok(changes > 100, `${changes} changes were looked at`);
});
