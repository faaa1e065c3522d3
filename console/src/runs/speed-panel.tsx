// Tokens per second of each member over the rounds.
import type { RunDetail } from "@tequio/contract";
import { useMemo } from "react";
import { short, whole } from "../format.ts";
import { TEXTS } from "../texts.ts";
import { Chart } from "../ui/chart.tsx";
import { Empty, Panel } from "../ui/parts.tsx";
import { memberNames, speedLines } from "./series.ts";

const CHART_HEIGHT = 210;
/** Rounds are whole: no mark between two of them. */
const ROUND_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 100_000];

/** The speed chart. */
export function SpeedPanel(props: { readonly run: RunDetail }) {
  const { run } = props;
  const { x, lines } = useMemo(() => {
    const members = memberNames(run);
    const speeds = speedLines(run.rounds, members);
    const lines = members.map((name, colour) => ({
      name,
      values: speeds.byMember.get(name) ?? [],
      colour,
    }));
    return { x: speeds.rounds, lines };
  }, [run]);
  return (
    <Panel title={TEXTS.speed.title}>
      {x.length === 0 ? (
        <Empty>{run.state === "warm-up" ? TEXTS.loss.warmUp : TEXTS.loss.nothing}</Empty>
      ) : (
        <Chart
          label={TEXTS.speed.label}
          x={x}
          lines={lines}
          height={CHART_HEIGHT}
          axisX={TEXTS.speed.round}
          stepsX={ROUND_STEPS}
          formatX={whole}
          formatY={short}
          fromZero
        />
      )}
    </Panel>
  );
}
