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
const CHART_HEIGHT = 280;

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
        <Empty>{TEXTS.loss.nothing}</Empty>
      ) : (
        <Chart
          label={TEXTS.loss.label(run.lossBefore?.toFixed(3), run.lossNow?.toFixed(3))}
          x={x}
          lines={lines}
          height={CHART_HEIGHT}
          axisX={axis === "time" ? TEXTS.loss.time : TEXTS.loss.tokens}
          formatX={axis === "time" ? clock : short}
          formatY={(value) => value.toFixed(2)}
        />
      )}
    </Panel>
  );
}
