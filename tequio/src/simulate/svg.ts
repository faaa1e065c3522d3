// Plots of a report as SVG text. Colours come from the page's style sheet by class, so that one
// drawing serves a light and a dark page; numbers are cut to a tenth, so that the same figures give
// the same bytes.
import type { BarPlot, LinePlot, Plot } from "@tequio/core/simulator";
import { safe } from "./safe.ts";

/** Size of a drawing in its own units; the page scales it. */
const WIDTH = 640;
const HEIGHT = 320;
const LEFT = 56;
const RIGHT = 14;
const TOP = 12;
const BOTTOM = 52;
/** Series that have a colour of their own; the style sheet has as many. */
export const COLOURS = 8;

interface Axis {
  readonly at: (value: number) => number;
  readonly ticks: readonly (readonly [place: number, text: string])[];
}

/** The colour of a series by its name, 0 to COLOURS - 1. */
export type ColourOf = (name: string) => number;

/** Draws a plot. */
export const drawPlot = (plot: Plot, colourOf: ColourOf): string =>
  plot.kind === "lines" ? drawLines(plot, colourOf) : drawBars(plot, colourOf);

/** Names of the series. */
export const seriesOf = (plot: Plot): readonly string[] =>
  plot.kind === "lines" ? plot.series.map(({ name }) => name) : plot.series;

const n = (value: number): string => String(Math.round(value * 10) / 10);

/** Round steps that cut `span` into four to eight parts. */
function stepOf(span: number): number {
  const raw = span / 6;
  const power = 10 ** Math.floor(Math.log10(raw));
  const part = raw / power;
  return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

const tickText = (value: number): string => String(Number(value.toPrecision(6)));

function linear(from: number, to: number, [low, high]: readonly [number, number]): Axis {
  const span = Math.max(to - from, 1e-9);
  const at = (value: number): number => low + ((value - from) / span) * (high - low);
  const step = stepOf(span);
  const ticks: [number, string][] = [];
  for (let k = Math.ceil(from / step); k * step <= to + step * 1e-6; k += 1) {
    ticks.push([at(k * step), tickText(k * step)]);
  }
  return { at, ticks };
}

function logarithmic(least: number, to: number, [low, high]: readonly [number, number]): Axis {
  const from = Math.log10(least);
  const span = Math.max(Math.log10(Math.max(to, least * 10)) - from, 1e-9);
  const at = (value: number): number =>
    low + ((Math.log10(Math.max(value, least)) - from) / span) * (high - low);
  const ticks: [number, string][] = [];
  for (let power = Math.ceil(from); power <= from + span + 1e-9; power += 1) {
    ticks.push([at(10 ** power), tickText(10 ** power)]);
  }
  return { at, ticks };
}

function frame(x: Axis | undefined, y: Axis, labels: readonly [x: string, y: string]): string {
  const lines = y.ticks.map(
    ([at, text]) =>
      `<path class="grid" d="M${LEFT} ${n(at)}H${WIDTH - RIGHT}"/>` +
      `<text class="tick" x="${LEFT - 6}" y="${n(at + 4)}" text-anchor="end">${text}</text>`,
  );
  const below = (x?.ticks ?? []).map(
    ([at, text]) =>
      `<text class="tick" x="${n(at)}" y="${HEIGHT - BOTTOM + 18}" ` +
      `text-anchor="middle">${text}</text>`,
  );
  const middle = (TOP + HEIGHT - BOTTOM) / 2;
  return [
    ...lines,
    ...below,
    `<path class="axis" d="M${LEFT} ${HEIGHT - BOTTOM}H${WIDTH - RIGHT}"/>`,
    `<text class="label" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 10}" ` +
      `text-anchor="middle">${safe(labels[0])}</text>`,
    `<text class="label" transform="translate(13 ${n(middle)})rotate(-90)" ` +
      `text-anchor="middle">${safe(labels[1])}</text>`,
  ].join("");
}

const svg = (title: string, inside: string): string =>
  `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${safe(title)}">${inside}</svg>`;

function drawLines(plot: LinePlot, colourOf: ColourOf): string {
  const all = plot.series.flatMap(({ points }) => points);
  const most = (of: (point: readonly [number, number]) => number): number =>
    all.reduce((max, point) => Math.max(max, of(point)), 0);
  const xRange = [LEFT, WIDTH - RIGHT] as const;
  const x =
    plot.xLog === undefined
      ? linear(
          0,
          most(([value]) => value),
          xRange,
        )
      : logarithmic(
          plot.xLog.least,
          most(([value]) => value),
          xRange,
        );
  const yMax = plot.yMax ?? Math.max(most(([, value]) => value) * 1.05, 1e-9);
  const y = linear(plot.yMin ?? 0, yMax, [HEIGHT - BOTTOM, TOP]);
  const within = (value: number): number => Math.min(Math.max(value, plot.yMin ?? 0), yMax);
  const paths = plot.series.map(({ name, points }) => {
    const drawn = points.filter(([px]) => px >= (plot.xMin ?? Number.NEGATIVE_INFINITY));
    const d = drawn.map(
      ([px, py], each) => `${each === 0 ? "M" : "L"}${n(x.at(px))} ${n(y.at(within(py)))}`,
    );
    return `<path class="line c${colourOf(name)}" d="${d.join("")}"/>`;
  });
  return svg(plot.title, frame(x, y, [plot.xLabel, plot.yLabel]) + paths.join(""));
}

function drawBars(plot: BarPlot, colourOf: ColourOf): string {
  const values = plot.groups.flatMap((group) => group.values).filter(Number.isFinite);
  const y = linear(0, Math.max(...values, 1e-9) * 1.05, [HEIGHT - BOTTOM, TOP]);
  const room = (WIDTH - LEFT - RIGHT) / Math.max(plot.groups.length, 1);
  const bar = (room * 0.8) / plot.series.length;
  const bars = plot.groups.flatMap(({ name, values: each }, group) => {
    const from = LEFT + group * room + room * 0.1;
    const tilt = plot.groups.length > 7;
    const middle = from + room * 0.4;
    const label = tilt
      ? `<text class="tick" transform="translate(${n(middle + 3)} ${HEIGHT - BOTTOM + 12})` +
        `rotate(-35)" text-anchor="end">${safe(name)}</text>`
      : `<text class="tick" x="${n(middle)}" y="${HEIGHT - BOTTOM + 18}" ` +
        `text-anchor="middle">${safe(name)}</text>`;
    const rects = each.map((value, at) => {
      if (!Number.isFinite(value)) return "";
      const top = y.at(value);
      const height = Math.max(HEIGHT - BOTTOM - top, 0.5);
      return (
        `<rect class="bar c${colourOf(plot.series[at] ?? "")}" x="${n(from + at * bar)}" ` +
        `y="${n(HEIGHT - BOTTOM - height)}" width="${n(Math.max(bar - 1, 1))}" ` +
        `height="${n(height)}"><title>${safe(name)}, ${safe(plot.series[at] ?? "")}: ` +
        `${tickText(value)}</title></rect>`
      );
    });
    return [...rects, label];
  });
  return svg(plot.title, frame(undefined, y, ["", plot.yLabel]) + bars.join(""));
}
