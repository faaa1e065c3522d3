// Numbers, times and sizes as people read them. Pure; the clock comes in as an argument.

const MS = { second: 1_000, minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;
const two = (value: number): string => String(value).padStart(2, "0");

/** `h:mm:ss` of milliseconds; hours grow without bound. Parts of a second are dropped. */
export function clock(ms: number): string {
  const seconds = Math.floor(Math.max(0, ms) / MS.second);
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return `${Math.floor(seconds / 3_600)}:${rest}`;
}

/** A length of time in its two largest units, e.g. `4 min 20 s`, `2 d 3 h`. */
export function duration(ms: number): string {
  const value = Math.max(0, ms);
  if (value < MS.second) return `${Math.round(value)} ms`;
  if (value < 10 * MS.second) return `${(value / MS.second).toFixed(1)} s`;
  if (value < MS.minute) return `${Math.round(value / MS.second)} s`;
  if (value < MS.hour) return pair(value, MS.minute, "min", MS.second, "s");
  if (value < MS.day) return pair(value, MS.hour, "h", MS.minute, "min");
  return pair(value, MS.day, "d", MS.hour, "h");
}

function pair(ms: number, big: number, bigName: string, small: number, smallName: string): string {
  const whole = Math.floor(ms / big);
  const rest = Math.floor((ms % big) / small);
  return rest === 0 ? `${whole} ${bigName}` : `${whole} ${bigName} ${rest} ${smallName}`;
}

/** How long ago, or how far ahead, `atMs` is. */
export function relative(atMs: number, nowMs: number): string {
  const gap = nowMs - atMs;
  if (Math.abs(gap) < 2 * MS.second) return "now";
  return gap > 0 ? `${largest(gap)} ago` : `in ${largest(-gap)}`;
}

function largest(ms: number): string {
  if (ms < MS.minute) return `${Math.round(ms / MS.second)} s`;
  if (ms < MS.hour) return `${Math.round(ms / MS.minute)} min`;
  if (ms < 2 * MS.day) return `${Math.round(ms / MS.hour)} h`;
  return `${Math.round(ms / MS.day)} d`;
}

/** Date and time in the reader's zone, always in the same order: `2026-03-01 14:05:09`. */
export function dateTime(ms: number): string {
  const date = new Date(ms);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${timeOfDay(ms)}`;
}

/** Time of day in the reader's zone, `14:05:09`. */
export function timeOfDay(ms: number): string {
  const date = new Date(ms);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** A whole number with thin groups of three: `1 234 567`. */
export const whole = (value: number): string =>
  Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, "\u202f");

/** Three significant digits with k, M, G, T: `1.23 M`. */
export function short(value: number): string {
  const steps = ["", "k", "M", "G", "T", "P"];
  let size = Math.abs(value);
  let step = 0;
  while (size >= 999.5 && step < steps.length - 1) {
    size /= 1_000;
    step += 1;
  }
  const digits =
    step === 0 && Number.isInteger(value) ? 0 : size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  const text = `${value < 0 ? "-" : ""}${size.toFixed(digits)}`;
  return step === 0 ? text : `${text} ${steps[step]}`;
}

/** Bytes in powers of 1,000, as links are counted: `1.23 MB`. */
export function bytes(value: number): string {
  const text = short(value);
  return text.includes(" ") ? `${text}B` : `${text} B`;
}

/** Speed of a link in bits, from Mbit/s: `32.9 Mbit/s`, `1.45 Gbit/s`. */
export function bitRate(mbitPerS: number): string {
  const text = short(mbitPerS * 1e6);
  return text.includes(" ") ? `${text}bit/s` : `${text} bit/s`;
}

/** Speeds of a link in two directions; the unit stands once where it is the same. */
export function bitRates(upMbitPerS: number, downMbitPerS: number): string {
  const [up, down] = [bitRate(upMbitPerS), bitRate(downMbitPerS)];
  const [figure, unit] = up.split(" ");
  return down.split(" ")[1] === unit ? `${figure} / ${down}` : `${up} / ${down}`;
}

/** MiB as MiB, GiB or TiB, as memory is sold. */
export function memory(mib: number): string {
  if (mib < 1_024) return `${whole(mib)} MiB`;
  const gib = mib / 1_024;
  if (gib < 1_024) return `${trim(gib)} GiB`;
  return `${trim(gib / 1_024)} TiB`;
}

const trim = (value: number): string => String(Math.round(value * 10) / 10);

/** Credits of micro-credits, with three decimals: the sixth is noise for a reader. */
export function credits(micro: number): string {
  const sign = micro < 0 ? "-" : "";
  const size = Math.abs(micro);
  const text = (size / 1_000_000).toFixed(3);
  const [before, after] = text.split(".");
  return `${sign}${whole(Number(before))}.${after}`;
}

/** A share of 1 as a percentage; never rounds up to a finished 100 %. */
export function percent(share: number): string {
  if (share >= 1) return "100\u00a0%";
  return `${(Math.floor(Math.max(0, share) * 1_000) / 10).toFixed(1)}\u00a0%`;
}

/** A part of 1 as a percentage to the nearest tenth: the parts of a whole add up to 100 %. */
export const part = (share: number): string => `${(share * 100).toFixed(1)}\u00a0%`;

/** Processor cores of thousandths. */
export const cores = (milli: number): string => trim(milli / 1_000);

/** Bytes that a base64 text stands for. */
export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
