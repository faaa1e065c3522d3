// What a report is made of, whatever was simulated: facts, tables, sentences and plots as plain
// data. Writing it to a terminal or into a page is left to the command.

export interface ReportTable {
  readonly title: string;
  /** What the columns mean, where their names do not say it. */
  readonly note: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export type Point = readonly [x: number, y: number];

export interface PlotSeries {
  readonly name: string;
  readonly points: readonly Point[];
}

export interface LinePlot {
  readonly kind: "lines";
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** The x axis counts by powers of ten; values below `xLeast` stand at its left end. */
  readonly xLog?: { readonly least: number };
  /** Bounds of the y axis; absent: 0 and what the series need. */
  readonly yMax?: number;
  readonly yMin?: number;
  /** Where the x axis begins; absent: at 0. Points before it are not drawn. */
  readonly xMin?: number;
  readonly series: readonly PlotSeries[];
}

export interface BarPlot {
  readonly kind: "bars";
  readonly title: string;
  readonly yLabel: string;
  readonly series: readonly string[];
  /** One value for each series; NaN leaves a gap. */
  readonly groups: readonly { readonly name: string; readonly values: readonly number[] }[];
}

export type Plot = LinePlot | BarPlot;

export interface Report {
  readonly title: string;
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly tables: readonly ReportTable[];
  /** What a reader should take home, one sentence each. */
  readonly sentences: readonly string[];
  readonly plots: readonly Plot[];
  /** The same figures for programs. */
  readonly figures: unknown;
}

/** A unit of time in which figures of some size are readable. */
export interface TimeUnit {
  readonly name: "s" | "min" | "h";
  readonly seconds: number;
}

/** The unit for values of up to `largestS` seconds. */
export function unitFor(largestS: number): TimeUnit {
  if (largestS >= 3_600) return { name: "h", seconds: 3_600 };
  return largestS >= 60 ? { name: "min", seconds: 60 } : { name: "s", seconds: 1 };
}

/** A number with so many digits behind the point; `-` where there is none. */
export const fixed = (value: number, digits: number): string =>
  Number.isFinite(value) ? value.toFixed(digits) : "-";

/** A whole number with commas. */
export const whole = (value: number): string =>
  Number.isFinite(value) ? `${Math.round(value)}`.replace(/\B(?=(\d{3})+$)/g, ",") : "-";

/** A part from 0 to 1 in per cent. */
export const percent = (part: number): string => fixed(part * 100, 1);

/** A figure for programs: six digits, null for none, so that JSON stays valid and short. */
export const figure = (value: number): number | null =>
  Number.isFinite(value) ? Number(value.toPrecision(6)) : null;
