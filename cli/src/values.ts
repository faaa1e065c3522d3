// Parsers of flag values that several verbs share. Each throws what commander turns into a usage
// error that names the flag.
import { parseDurationMs } from "@tequio/contract";
import { badValue } from "./program.ts";

/** A whole number from `least`, by default 0. */
export const wholeFrom =
  (least = 0) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isSafeInteger(value) && value >= least) return value;
    throw badValue(`Give a whole number, ${least} or more.`);
  };

/** Milliseconds of a duration such as `30s` or `12h`. */
export function durationMs(text: string): number {
  const value = parseDurationMs(text);
  if (value !== undefined) return value;
  throw badValue("A time is `90s`, `30m`, `12h`, `2d`, `HH:MM:SS` or `D-HH:MM`.");
}

/** A point in time: a date, a date with a time, or a duration back from now such as `7d`. */
export const pointMs =
  (nowMs: () => number) =>
  (text: string): number => {
    if (/^\d+(\.\d+)?(ms|s|m|h|d)$/.test(text)) return Math.max(0, nowMs() - durationMs(text));
    // A date without a time means midnight here, not in Greenwich.
    const local = /^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00` : text;
    const value = Date.parse(local);
    if (!Number.isNaN(value) && value >= 0) return value;
    throw badValue("A point in time is `2026-11-22`, `2026-11-22T14:00` or `7d` (ago).");
  };

/** Collects a flag that may be repeated. */
export const repeated = (text: string, earlier: readonly string[] = []): readonly string[] => [
  ...earlier,
  text,
];

/** Collects `K=V` flags into a record. */
export function keyValue(
  text: string,
  earlier: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf("=");
  if (at < 1) throw badValue("Give it as `KEY=VALUE`.");
  return { ...earlier, [text.slice(0, at)]: text.slice(at + 1) };
}

/** A point in time: `2026-11-22T14:00`, a date, or a duration from now such as `2h`. */
export const aheadMs =
  (nowMs: () => number) =>
  (text: string): number => {
    if (/^\d+(\.\d+)?(ms|s|m|h|d)$/.test(text)) return nowMs() + durationMs(text);
    const value = Date.parse(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00` : text);
    if (Number.isFinite(value) && value >= 0) return value;
    throw badValue("A point in time is `2026-11-22T14:00`, `2026-11-22` or `2h` (from now).");
  };
