// The held-out loss of the run's model, against time or against tokens.
import type { RunDetail } from "@tequio/contract";
import { useMemo, useState } from "react";
import { clock, short } from "../format.ts";
import { TEXTS } from "../texts.ts";
import { Chart } from "../ui/chart.tsx";
import { Choice, Empty, Panel } from "../ui/parts.tsx";
import { type LossAxis, lossCurve } from "./series.ts";

const AXES: readonly (readonly [LossAxis, string])[] = [
  ["time", TEXTS.loss.time],
  ["tokens", TEXTS.loss.tokens],
];
const CHART_HEIGHT = 210;

/** Steps that read well on a clock, in milliseconds: 1 s to 7 days. */
const CLOCK_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400]
  .concat([21_600, 43_200, 86_400, 172_800, 604_800])
  .map((seconds) => seconds * 1_000);
/** 1, 2 and 5 with any number of zeros: 1 to 5 T tokens. */
const COUNT_STEPS = Array.from({ length: 13 }, (_, zeros) =>
  [1, 2, 5].map((n) => n * 10 ** zeros),
).flat();

/** The loss curve. */
export function LossPanel(props: { readonly run: RunDetail }) {
  const { run } = props;
  const [axis, setAxis] = useState<LossAxis>("time");
  const { x, lines } = useMemo(() => {
    const curve = lossCurve(run, axis);
    return { x: curve.x, lines: [{ name: TEXTS.loss.line, values: curve.y, colour: 0 }] };
  }, [run, axis]);
  return (
    <Panel
      title={TEXTS.loss.title}
      actions={<Choice label={TEXTS.loss.axis} options={AXES} value={axis} onChange={setAxis} />}
    >
      {x.length === 0 ? (
        <Empty>{run.state === "warm-up" ? TEXTS.loss.warmUp : TEXTS.loss.nothing}</Empty>
      ) : (
        <Chart
          label={TEXTS.loss.label(run.lossBefore?.toFixed(3), run.lossNow?.toFixed(3))}
          x={x}
          lines={lines}
          height={CHART_HEIGHT}
          axisX={axis === "time" ? TEXTS.loss.time : TEXTS.loss.tokens}
          stepsX={axis === "time" ? CLOCK_STEPS : COUNT_STEPS}
          formatX={axis === "time" ? clock : short}
          formatY={(value) => value.toFixed(2)}
        />
      )}
    </Panel>
  );
}
