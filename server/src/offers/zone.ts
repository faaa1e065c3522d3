// Time zones for the weekly hours of offers. The core knows none, so that the journal replays to
// the same bytes on a machine with other zone data: here a zone's offsets are looked up once, for
// years ahead, and kept with the offer.
import { LIMITS, type Outcome, ok, refuse, type ZoneOffset } from "@tequio/core/pool";

/** An offer is looked at again within this time; beyond it its last known offset holds. */
const YEARS_MS = 10 * 366 * 86_400_000;
/** Offsets change weeks apart: Morocco's change for Ramadan lasts about a month. */
const STEP_MS = 7 * 86_400_000;
const MINUTE_MS = 60_000;

/** The offsets of an IANA zone from a moment on, the first of them for all time before. */
export function zoneOffsets(zone: string, fromMs: number): Outcome<readonly ZoneOffset[]> {
  const offsetAt = reader(zone);
  if (offsetAt === undefined) {
    const hint = "Use an IANA name such as `Europe/Berlin` or `UTC`.";
    return refuse("INVALID_REQUEST", `There is no time zone ${zone}.`, hint, "offer.hours.zone");
  }
  const offsets: ZoneOffset[] = [{ fromMs: 0, minutes: offsetAt(fromMs) }];
  for (let low = fromMs; low < fromMs + YEARS_MS; low += STEP_MS) {
    const high = low + STEP_MS;
    const minutes = offsetAt(high);
    if (minutes === offsets.at(-1)!.minutes) continue;
    offsets.push({ fromMs: changeBetween(offsetAt, low, high), minutes });
    if (offsets.length >= LIMITS.OFFER_OFFSETS_MAX) break;
  }
  return ok(offsets);
}

/** The first minute with the offset of `high`, found by halving. */
function changeBetween(offsetAt: (atMs: number) => number, low: number, high: number): number {
  const after = offsetAt(high);
  let [before, since] = [Math.floor(low / MINUTE_MS), Math.ceil(high / MINUTE_MS)];
  while (since - before > 1) {
    const middle = Math.floor((before + since) / 2);
    if (offsetAt(middle * MINUTE_MS) === after) since = middle;
    else before = middle;
  }
  return since * MINUTE_MS;
}

/** Minutes that a zone is ahead of UTC at a moment; undefined if there is no such zone. */
function reader(zone: string): ((atMs: number) => number) | undefined {
  try {
    const format = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" });
    return (atMs) => {
      const parts = format.formatToParts(new Date(atMs));
      const name = parts.find(({ type }) => type === "timeZoneName")?.value ?? "GMT";
      const match = /^GMT([+-])(\d{2}):(\d{2})/.exec(name);
      if (match === null) return 0;
      const minutes = Number(match[2]) * 60 + Number(match[3]);
      return match[1] === "-" ? -minutes : minutes;
    };
  } catch {
    return undefined;
  }
}
