// Lines over a number axis, drawn by uPlot. Colours come from the style sheet, so that light and
// dark follow the system; the figures behind a chart stand in a table of the same page.
import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";

export interface Line {
  readonly name: string;
  /** One value for each x; null where there is none. */
  readonly values: readonly (number | null)[];
  /** Which of the line colours: 0, 1, 2, ... */
  readonly colour: number;
}

export interface ChartProps {
  readonly label: string;
  readonly x: readonly number[];
  readonly lines: readonly Line[];
  readonly height: number;
  readonly formatX: (value: number) => string;
  readonly formatY: (value: number) => string;
  readonly axisX: string;
  /** Distances that the x axis may have between two marks. */
  readonly stepsX: readonly number[];
  /** Whether the y axis starts at 0. */
  readonly fromZero?: boolean;
}

/** Distinct line colours of the style sheet; further lines repeat them dashed. */
export const LINE_COLOURS = 8;

const colourOf = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function axis(
  values: (value: number) => string,
  size: number,
  steps?: readonly number[],
): uPlot.Axis {
  return {
    ...(steps === undefined ? {} : { incrs: [...steps] }),
    stroke: colourOf("--muted"),
    font: "12px system-ui, sans-serif",
    grid: { stroke: colourOf("--line"), width: 1 },
    ticks: { stroke: colourOf("--line"), width: 1, size: 4 },
    size,
    values: (_, splits) => splits.map((split) => (split === null ? "" : values(split))),
  };
}

function series(line: Line, format: (value: number) => string, points: number): uPlot.Series {
  const stroke = colourOf(`--line-${line.colour % LINE_COLOURS}`);
  return {
    label: line.name,
    stroke,
    width: 2,
    ...(line.colour >= LINE_COLOURS ? { dash: [6, 4] } : {}),
    points: { show: points < 40, size: 5, stroke, fill: stroke },
    // Where there is no value there is no line: a member that was away shows as a gap.
    spanGaps: false,
    value: (plot, value, index) => legendText(plot, value, index, format),
  };
}

/** The value under the cursor; without a cursor the newest one. */
function legendText(
  plot: uPlot,
  value: number | null,
  index: number,
  format: (value: number) => string,
): string {
  const shown = value ?? (plot.cursor.idx == null ? plot.data[index]?.at(-1) : undefined);
  return shown == null ? "–" : format(shown);
}

function optionsOf(props: ChartProps, width: number): uPlot.Options {
  const rangeY: uPlot.Range.Function = (_, min, max) => {
    if (min === null || max === null) return [0, 1];
    const low = props.fromZero === true ? 0 : min;
    // At least a fiftieth of the value: the marks of a nearly flat line must not read alike.
    const pad = Math.max((max - low) * 0.06, Math.abs(max) * 0.02, 1e-9);
    return [props.fromZero === true ? 0 : low - pad, max + pad];
  };
  const rangeX: uPlot.Range.Function = ({ data: [x] }, min, max) => {
    // A single point has no width of its own; the chart would make it 100 wide.
    if (x.length === 1) return [x[0]!, x[0]! + (props.stepsX[0] ?? 1)];
    return [min ?? 0, max ?? 1];
  };
  return {
    width,
    height: props.height,
    scales: { x: { time: false, range: rangeX }, y: { range: rangeY } },
    axes: [axis(props.formatX, 34, props.stepsX), axis(props.formatY, 58)],
    series: [
      {
        label: props.axisX,
        value: (plot, value, index) => legendText(plot, value, index, props.formatX),
      },
      ...props.lines.map((line) => series(line, props.formatY, props.x.length)),
    ],
    legend: { live: true },
    // No zoom by dragging: the next round would undo it.
    cursor: { drag: { x: false, y: false }, points: { size: 7 } },
  };
}

const dataOf = (props: ChartProps): uPlot.AlignedData => [
  [...props.x],
  ...props.lines.map((line) => [...line.values]),
];

/** A line chart that fills the width of its place. */
export function Chart(props: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const [theme, setTheme] = useState(0);
  const shape = `${props.lines.map((line) => line.name).join()} ${props.axisX} ${theme}`;

  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const changed = () => setTheme((count) => count + 1);
    dark.addEventListener("change", changed);
    return () => dark.removeEventListener("change", changed);
  }, []);

  // A new set of lines, axis or theme needs a new plot; new values only new data.
  // biome-ignore lint/correctness/useExhaustiveDependencies: `shape` stands for the parts it needs.
  useEffect(() => {
    const holder = place.current!;
    const made = new uPlot(
      optionsOf(latest.current, holder.clientWidth),
      dataOf(latest.current),
      holder,
    );
    plot.current = made;
    const watcher = new ResizeObserver(() => {
      made.setSize({ width: holder.clientWidth, height: latest.current.height });
    });
    watcher.observe(holder);
    return () => {
      watcher.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [shape]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: only these two are data.
  useEffect(() => {
    plot.current?.setData(dataOf(latest.current));
  }, [props.x, props.lines]);

  return <div className="chart" ref={place} role="img" aria-label={props.label} />;
}
