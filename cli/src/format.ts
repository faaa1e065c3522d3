// Numbers as people read them: relative times, durations, bytes, credits. Exact values are in the
// JSON output; here fractions are for the screen.

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const MICRO = 1_000_000;

const two = (value: number): string => String(value).padStart(2, "0");

/** Whole numbers with separators: 1,234,567. */
export const whole = (value: number): string => Math.round(value).toLocaleString("en-US");

/**
 * A span in its largest units: `8 s`, `3 min`, `2 h 5 min`, `4 d 3 h`. Seconds and minutes that
 * have not passed are not counted; from an hour on it is rounded to the nearest small unit.
 */
export function span(ms: number): string {
  const value = Math.max(0, ms);
  if (value < SECOND) return "now";
  if (value < MINUTE) return `${Math.floor(value / SECOND)} s`;
  if (value < HOUR) return `${Math.floor(value / MINUTE)} min`;
  const minutes = Math.round(value / MINUTE);
  if (minutes < 1_440) return pair(Math.floor(minutes / 60), "h", minutes % 60, "min");
  const hours = Math.round(value / HOUR);
  return pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

const pair = (large: number, largeUnit: string, small: number, smallUnit: string): string =>
  small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;

/** `3 min ago`, `in 2 h`, `now`. */
export function relative(atMs: number, nowMs: number): string {
  const text = span(Math.abs(nowMs - atMs));
  if (text === "now") return text;
  return atMs <= nowMs ? `${text} ago` : `in ${text}`;
}

/** `h:mm:ss`, for time that is added up. */
export function clock(ms: number): string {
  const seconds = Math.floor(Math.max(0, ms) / SECOND);
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${h}:${two(m)}:${two(s)}`;
}

/** Local date and time, `2026-11-22 14:05:09`. */
export function stamp(atMs: number): string {
  const date = new Date(atMs);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${timeOfDay(atMs)}`;
}

/** Local time of day, `14:05:09`. */
export const timeOfDay = (atMs: number): string => new Date(atMs).toTimeString().slice(0, 8);

/** Bytes with a decimal unit: `12.3 MB`. */
export function bytes(value: number): string {
  if (value < 1_000) return `${value} B`;
  const units = ["kB", "MB", "GB", "TB", "PB"];
  let scaled = value / 1_000;
  let unit = 0;
  while (scaled >= 999.95 && unit < units.length - 1) {
    scaled /= 1_000;
    unit += 1;
  }
  return `${scaled.toFixed(1)} ${units[unit]}`;
}

/** MiB as `512 MiB` or `24 GiB`. */
export function memory(mib: number): string {
  if (mib < 1_024) return `${mib} MiB`;
  const gib = mib / 1_024;
  return `${Number.isInteger(gib) ? gib : gib.toFixed(1)} GiB`;
}

/** Cores of thousandths: `2`, `0.5`. */
export const cores = (milliCpu: number): string => String(Math.round(milliCpu / 10) / 100);

/** Credits of micro-credits with three decimals, without a detour over fractions. */
export function credits(micro: number): string {
  const sign = micro < 0 ? "-" : "";
  const thousandths = Math.round(Math.abs(micro) / 1_000);
  const tail = String(thousandths % 1_000).padStart(3, "0");
  return `${sign}${whole(Math.floor((thousandths * 1_000) / MICRO))}.${tail}`;
}

/** A loss in nats with three decimals; `-` when there is none yet. */
export const loss = (value: number | undefined): string =>
  value === undefined ? "-" : value.toFixed(3);

/** A share from 0 to 1 in whole percent. */
export const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** `1 job`, `2 jobs`. */
export const counted = (count: number, noun: string): string =>
  `${Number.isInteger(count) ? whole(count) : count} ${noun}${count === 1 ? "" : "s"}`;
