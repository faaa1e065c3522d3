// Lengths of time in the words of an explanation: rounded, because they are estimates.

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** `less than a second`, `20 seconds`, `2 minutes`, `2.5 hours`, `12 hours`, `4 days`. */
export function aboutLong(ms: number): string {
  const minutes = Math.round(ms / MINUTE_MS);
  if (ms < 1_000) return "less than a second";
  if (ms < MINUTE_MS) return counted(Math.floor(ms / 1_000), "second");
  if (minutes < 90 && minutes !== 60) return counted(minutes, "minute");
  const hours = ms / HOUR_MS;
  if (hours < 9.75) return counted(Math.round(hours * 2) / 2, "hour");
  if (hours < 48) return counted(Math.round(hours), "hour");
  return counted(Math.round(hours / 24), "day");
}

const counted = (value: number, unit: string): string =>
  `${value} ${unit}${value === 1 ? "" : "s"}`;

/** A time limit as a job file takes it: `45m`, `6h`, `2d`. Minutes are rounded down. */
export function timeLimit(ms: number): string {
  const minutes = Math.floor(ms / MINUTE_MS);
  if (minutes % 1_440 === 0) return `${minutes / 1_440}d`;
  return minutes % 60 === 0 ? `${minutes / 60}h` : `${minutes}m`;
}
