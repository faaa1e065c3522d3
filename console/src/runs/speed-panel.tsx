// Tokens per second of each member over the rounds.
import type { RunDetail } from "@tequio/contract";
import { useMemo } from "react";
import { short, whole } from "../format.ts";
import { TEXTS } from "../texts.ts";
import { Chart } from "../ui/chart.tsx";
import { Empty, Panel } from "../ui/parts.tsx";
import { memberNames, speedLines } from "./series.ts";

const CHART_HEIGHT = 280;

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
        <Empty>{TEXTS.loss.nothing}</Empty>
      ) : (
        <Chart
          label={TEXTS.speed.label}
          x={x}
          lines={lines}
          height={CHART_HEIGHT}
          axisX={TEXTS.speed.round}
          formatX={whole}
          formatY={short}
          fromZero
        />
      )}
    </Panel>
  );
}
