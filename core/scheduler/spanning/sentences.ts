// Why a site takes part in a spanning run, or is left out: one sentence each, with the figures that
// decided. The choice itself is in choose.ts.
import type { SpanForecast, SpanSite } from "./span.ts";

/** Rounds that differ by less are called equally long. */
const SAME_ROUND = 0.01;

/** `site lab takes part: 5,200 tokens/s, ...; the target is reached 31 % sooner`. */
export function takenSentence(
  { siteId }: SpanSite,
  together: SpanForecast,
  without: SpanForecast | undefined,
): string {
  const part = together.parts.find((one) => one.siteId === siteId);
  const figures =
    part === undefined
      ? ""
      : `: ${count(part.tokensPerSecond)} tokens/s, an exchange of ${seconds(part.transferMs)} ` +
        `in rounds of ${seconds(together.roundMs)}`;
  const gain =
    without === undefined
      ? "it is the fastest to begin with"
      : `with it the target is reached ${percent(1 - without.pace / together.pace)} sooner`;
  return `site ${siteId} takes part${figures}; ${gain}`;
}

/** `site attic left out: its 1 Mbit/s link would add 4.1 s to each round of 6.0 s`. */
export function leftOutSentence(
  { siteId }: SpanSite,
  now: SpanForecast,
  withIt: SpanForecast,
  full: boolean,
): string {
  const part = withIt.parts.find((one) => one.siteId === siteId);
  const start = `site ${siteId} left out: `;
  if (part?.useless !== undefined) return start + part.useless;
  const slower = withIt.pace < now.pace;
  if (full && !slower) {
    return `${start}the run takes no more sites, and the others bring it to its target sooner`;
  }
  const longerMs = withIt.roundMs - now.roundMs;
  const later = `the target would be reached ${percent(now.pace / withIt.pace - 1)} later`;
  if (longerMs > SAME_ROUND * now.roundMs) {
    const exchange = part !== undefined && part.transferMs >= longerMs / 2;
    const cause = exchange ? `its ${megabits(part.upMbitPerS)} link` : "its speed";
    const adds = `${cause} would add ${seconds(longerMs)} to each round of ${seconds(now.roundMs)}`;
    return start + (slower ? `${adds}, and ${later}` : `${adds} for as good as nothing`);
  }
  if (slower) return start + later;
  const gain = percent(1 - now.pace / withIt.pace);
  const speed = part === undefined ? "" : `${count(part.tokensPerSecond)} tokens/s `;
  return `${start}its ${speed}would bring the target only ${gain} nearer`;
}

/** `6.0 s`, `41 s`. */
const seconds = (ms: number): string =>
  `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`.replace(/^0\.0 s$/, "0 s");

/** `12 %`, `0.4 %`. */
function percent(part: number): string {
  const value = 100 * part;
  return `${value.toFixed(Math.abs(value) < 10 ? 1 : 0)} %`;
}

const megabits = (mbitPerS: number): string =>
  `${mbitPerS < 10 ? Number(mbitPerS.toPrecision(2)) : Math.round(mbitPerS)} Mbit/s`;

const count = (value: number): string => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
