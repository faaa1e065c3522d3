// Numbers as people read them: relative times, durations, bytes, credits. Exact values are in the
// JSON output; here fractions are for the screen.

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MICRO = 1_000_000;

/** Whole numbers with separators: 1,234,567. */
export const whole = (value: number): string => Math.round(value).toLocaleString("en-US");

/** A span in its two largest units: `8 s`, `3 min`, `2 h 5 min`, `4 d 3 h`. */
export function span(ms: number): string {
  const value = Math.max(0, ms);
  if (value < SECOND) return "now";
  if (value < MINUTE) return `${Math.floor(value / SECOND)} s`;
  if (value < HOUR) return `${Math.floor(value / MINUTE)} min`;
  if (value < DAY) return pair(value, HOUR, "h", MINUTE, "min");
  return pair(value, DAY, "d", HOUR, "h");
}

function pair(ms: number, large: number, largeUnit: string, small: number, smallUnit: string) {
  const rest = Math.floor((ms % large) / small);
  const head = `${Math.floor(ms / large)} ${largeUnit}`;
  return rest === 0 ? head : `${head} ${rest} ${smallUnit}`;
}

/** `3 min ago`, `in 2 h`, `now`. */
export function relative(atMs: number, nowMs: number): string {
  const text = span(Math.abs(nowMs - atMs));
  if (text === "now") return text;
  return atMs <= nowMs ? `${text} ago` : `in ${text}`;
}

/** `h:mm:ss`, for time that is added up. */
export function clock(ms: number): string {
  const seconds = Math.floor(Math.max(0, ms) / SECOND);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${Math.floor(seconds / 3_600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/** Local date and time, `2026-11-22 14:05:09`. */
export function stamp(atMs: number): string {
  const date = new Date(atMs);
  const two = (value: number): string => String(value).padStart(2, "0");
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

export const loss = (value: number | undefined): string =>
  value === undefined ? "-" : value.toFixed(3);

export const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** `1 job`, `2 jobs`. */
export const counted = (count: number, noun: string): string =>
  `${whole(count)} ${noun}${count === 1 ? "" : "s"}`;
