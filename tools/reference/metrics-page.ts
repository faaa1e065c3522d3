// The page of metrics: metrics.md, from the table that the registry is made with.
import { METRICS, type MetricDefinition, SLURM_METRICS } from "@tequio/server";
import { code, type Page, page, table, wrap } from "./markdown.ts";

const SOURCE = "server/src/metrics/definitions.ts";

const rowOf = ({ name, kind, labels = [], help }: MetricDefinition): readonly string[] => [
  code(name),
  kind,
  labels.map(code).join(", "),
  help,
];

/** metrics.md: every metric with its kind, labels and meaning. */
export function metricsPage(): Page {
  const slurm = Object.entries(SLURM_METRICS).map(([name, help]) => [code(name), help]);
  return page(
    "metrics.md",
    "Metrics",
    [SOURCE],
    [
      wrap(
        "`GET /metrics` answers in OpenMetrics to whoever asks for it, else in Prometheus's text " +
          "format. It takes the token of somebody with the permission `metrics.read` (operator, " +
          "auditor, compliance officer) or the one of `tequio up --metrics-token-file FILE`, " +
          "which opens nothing else. How to set up a scrape: [operations](../guide/operations.md).",
      ),
      wrap(
        "No label takes a value that users can invent without bound: no job, user or token. " +
          "Projects and sites have series of their own up to a limit. Beside these stand the " +
          "`process_*` and `nodejs_*` metrics that every Node program has.",
      ),
      "## The pool",
      table(["metric", "kind", "labels", "means"], Object.values(METRICS).map(rowOf)),
      "## Under Slurm's names",
      wrap(
        "`GET /metrics/slurm` gives the same figures under the names of Slurm's own metrics and " +
          "of its older exporters, as gauges, so that dashboards made for these go on working. " +
          "What the pool has no figure for is left out.",
      ),
      table(["metric", "means"], slurm),
    ],
  );
}
