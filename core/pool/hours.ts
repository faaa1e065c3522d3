// The weekly hours of an offer: reading them, writing them, and asking whether they are open. The
// core has no clock and knows no time zones: who sets the hours hands in the zone's offsets for
// years ahead, they are kept with the offer, and here is nothing but arithmetic.
import { type Outcome, ok, refuse } from "./outcome.ts";

/** From this moment on local time is UTC plus so many minutes. */
export interface ZoneOffset {
  readonly fromMs: number;
  readonly minutes: number;
}

/** A stretch of the week in minutes since Monday 00:00 local time; `to` is the first not in it. */
export interface WeekSpan {
  readonly from: number;
  readonly to: number;
}

export interface WeeklyHours {
  /** IANA name, for people; `offsets` is what counts. */
  readonly zone: string;
  /** As they were written, e.g. `Mon-Fri 18:00-08:00`. */
  readonly windows: readonly string[];
  /** Sorted, apart from each other, within one week. */
  readonly spans: readonly WeekSpan[];
  /** By time; the first one also holds for all time before it. Never empty. */
  readonly offsets: readonly ZoneOffset[];
}

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
const DAY_MINUTES = 1_440;
export const WEEK_MINUTES = 7 * DAY_MINUTES;
const MINUTE_MS = 60_000;
const WEEK_MS = WEEK_MINUTES * MINUTE_MS;
/** 1970-01-01 was a Thursday: three days after a Monday. */
const EPOCH_IN_WEEK_MS = 3 * DAY_MINUTES * MINUTE_MS;

const HINT = "Write e.g. `Mon-Fri 18:00-08:00`, `Sat,Sun` or `daily 22:00-06:00`.";

const badHours = (text: string, why: string): Outcome<never> =>
  refuse("INVALID_REQUEST", `The hours \`${text}\` cannot be read: ${why}.`, HINT, "hours");

/** Days of `Mon-Fri`, `Sat,Sun`, `daily`; undefined if one is none. */
function daysOf(text: string): readonly number[] | undefined {
  if (text === "daily") return DAYS.map((_, day) => day);
  const days = new Set<number>();
  for (const part of text.split(",")) {
    const [first, last = first] = part.split("-").map((day) => DAYS.indexOf(day as "mon"));
    if (first === undefined || last === undefined || first < 0 || last < 0) return undefined;
    // `Sat-Mon` goes over the end of the week.
    for (let day = first; ; day = (day + 1) % DAYS.length) {
      days.add(day);
      if (day === last) break;
    }
  }
  return [...days];
}

function minuteOf(hours: string, minutes: string): number | undefined {
  const minute = Number(hours) * 60 + Number(minutes);
  return Number(minutes) < 60 && minute <= DAY_MINUTES ? minute : undefined;
}

/**
 * The stretches of the week that some texts name. On each day from the first time to the second,
 * which lies on the next day if it is not later; a day without times is the whole day.
 */
export function parseHours(windows: readonly string[]): Outcome<readonly WeekSpan[]> {
  const spans: WeekSpan[] = [];
  for (const text of windows) {
    const shape = /^([a-z,-]+)(?: (\d{1,2}):(\d{2})-(\d{1,2}):(\d{2}))?$/.exec(
      text.trim().toLowerCase(),
    );
    const days = shape === null ? undefined : daysOf(shape[1]!);
    if (shape === null || days === undefined) return badHours(text, "it is no days with times");
    const from = minuteOf(shape[2] ?? "0", shape[3] ?? "0");
    const end = minuteOf(shape[4] ?? "24", shape[5] ?? "0");
    if (from === undefined || end === undefined || from === DAY_MINUTES) {
      return badHours(text, "a time lies between 00:00 and 24:00");
    }
    const length = end > from ? end - from : end - from + DAY_MINUTES;
    for (const day of days) spans.push(...withinWeek(day * DAY_MINUTES + from, length));
  }
  return ok(merged(spans));
}

function withinWeek(from: number, length: number): readonly WeekSpan[] {
  const to = from + length;
  if (to <= WEEK_MINUTES) return [{ from, to }];
  return [
    { from, to: WEEK_MINUTES },
    { from: 0, to: to - WEEK_MINUTES },
  ];
}

function merged(spans: readonly WeekSpan[]): readonly WeekSpan[] {
  const result: WeekSpan[] = [];
  for (const span of [...spans].sort((a, b) => a.from - b.from)) {
    const last = result.at(-1);
    if (last === undefined || span.from > last.to) result.push(span);
    else result[result.length - 1] = { from: last.from, to: Math.max(last.to, span.to) };
  }
  return result;
}

/** E.g. `Mon-Fri 18:00-08:00, Sat-Sun (Europe/Berlin)`. */
export const hoursText = ({ windows, zone }: WeeklyHours): string =>
  `${windows.join(", ") || "never"} (${zone})`;

/** What is so now, and when that changes; null: never again, as far as is known. */
export interface HoursNow {
  readonly open: boolean;
  readonly untilMs: number | null;
}

/** Further than any stretch of weekly hours reaches, with a change of the clocks in it. */
const LOOK_AHEAD_MS = 2 * WEEK_MS;

/** Whether the hours are open at a moment, and until when that stays so. */
export function hoursAt(hours: WeeklyHours, atMs: number): HoursNow {
  const open = isOpen(hours, atMs);
  let fromMs = atMs;
  while (fromMs < atMs + LOOK_AHEAD_MS) {
    const { minutes, endMs } = offsetAt(hours.offsets, fromMs);
    const changeMs = fromMs + untilChange(hours.spans, inWeek(fromMs, minutes));
    if (changeMs < endMs) return { open, untilMs: changeMs };
    if (endMs === Infinity) break;
    // The clocks are set then: local time jumps, and so may the answer.
    fromMs = endMs;
    if (isOpen(hours, fromMs) !== open) return { open, untilMs: fromMs };
  }
  return { open, untilMs: null };
}

/** Longest time that the hours stay open without a break, ms; Infinity if they never close. */
export function longestOpenMs({ spans }: WeeklyHours): number {
  const whole = spans[0]?.from === 0 && spans.at(-1)?.to === WEEK_MINUTES;
  if (whole && spans.length === 1) return Infinity;
  const lengths = spans.map(({ from, to }) => to - from);
  // What ends with the week and what begins with it are one stretch.
  if (whole) lengths.push(lengths[0]! + lengths.at(-1)!);
  return Math.max(0, ...lengths) * MINUTE_MS;
}

function isOpen({ spans, offsets }: WeeklyHours, atMs: number): boolean {
  const at = inWeek(atMs, offsetAt(offsets, atMs).minutes);
  return spans.some(({ from, to }) => from * MINUTE_MS <= at && at < to * MINUTE_MS);
}

/** Milliseconds since Monday 00:00 local time. */
function inWeek(atMs: number, offsetMinutes: number): number {
  const local = atMs + offsetMinutes * MINUTE_MS + EPOCH_IN_WEEK_MS;
  return ((local % WEEK_MS) + WEEK_MS) % WEEK_MS;
}

function offsetAt(
  offsets: readonly ZoneOffset[],
  atMs: number,
): { readonly minutes: number; readonly endMs: number } {
  let minutes = offsets[0]?.minutes ?? 0;
  for (const { fromMs, minutes: next } of offsets.slice(1)) {
    if (fromMs > atMs) return { minutes, endMs: fromMs };
    minutes = next;
  }
  return { minutes, endMs: Infinity };
}

/** Milliseconds to the next moment of the week at which the hours open or close. */
function untilChange(spans: readonly WeekSpan[], at: number): number {
  const wraps = spans[0]?.from === 0 && spans.at(-1)?.to === WEEK_MINUTES;
  let next = Infinity;
  for (const { from, to } of spans) {
    for (const edge of [from, to]) {
      // The end of the week is no change where the hours go on over it.
      if (wraps && edge % WEEK_MINUTES === 0) continue;
      const ahead = (edge * MINUTE_MS - at + WEEK_MS) % WEEK_MS;
      next = Math.min(next, ahead === 0 ? WEEK_MS : ahead);
    }
  }
  return next;
}
