// The metrics as prom-client objects, made from the table of definitions, and the page that a
// scrape reads. What the figures are is left to the files beside this one.
import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type OpenMetricsContentType,
  Registry,
} from "prom-client";
import {
  METRICS,
  type MetricDefinition,
  type MetricName,
  SLURM_METRICS,
  type SlurmName,
} from "./definitions.ts";

type NamesOf<K extends MetricDefinition["kind"]> = {
  [N in MetricName]: (typeof METRICS)[N]["kind"] extends K ? N : never;
}[MetricName];

/** Label values in the order of the definition's `labels`. */
type Labels = readonly string[];

/** The pool's own metrics, or the same figures under Slurm's names. */
export type PageKind = "tequio" | "slurm";

/** Of the process metrics these are gauges with the name of a counter: linters complain. */
const MISNAMED = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
];

/** A page of metrics and the type under which it is sent. */
export interface Page {
  readonly type: string;
  readonly text: string;
}

export class MetricRegistry {
  readonly #pages: Readonly<Record<PageKind, Registry<OpenMetricsContentType>>> = {
    tequio: newRegistry(),
    slurm: newRegistry(),
  };
  readonly #gauges = new Map<string, Gauge>();
  readonly #counters = new Map<string, Counter>();
  readonly #histograms = new Map<string, Histogram>();
  /** Scrapes one after another: each sets the gauges that it shows. */
  #last: Promise<unknown> = Promise.resolve();

  constructor() {
    // The type of a registry names its content type; metrics do not care about it.
    const register = this.#pages.tequio as unknown as Registry;
    const registers = [register];
    collectDefaultMetrics({ register });
    for (const name of MISNAMED) register.removeSingleMetric(name);
    for (const [key, definition] of Object.entries(METRICS) as [string, MetricDefinition][]) {
      const { name, help, labels = [] } = definition;
      const options = { name, help, labelNames: [...labels], registers };
      if (definition.kind === "gauge") this.#gauges.set(key, new Gauge(options));
      else if (definition.kind === "counter") this.#counters.set(key, new Counter(options));
      else {
        const buckets = [...(definition.buckets ?? [])];
        this.#histograms.set(key, new Histogram({ ...options, buckets }));
      }
    }
    const slurm = [this.#pages.slurm as unknown as Registry];
    for (const [name, help] of Object.entries(SLURM_METRICS)) {
      this.#gauges.set(name, new Gauge({ name, help, registers: slurm }));
    }
  }

  set(name: NamesOf<"gauge"> | SlurmName, value: number, ...labels: Labels): void {
    const gauge = this.#gauges.get(name)!;
    if (labels.length === 0) gauge.set(value);
    else gauge.labels(...labels).set(value);
  }

  /** Forgets all label values of a gauge that is set anew at each scrape. */
  reset(name: NamesOf<"gauge">): void {
    this.#gauges.get(name)!.reset();
  }

  count(name: NamesOf<"counter">, by: number, ...labels: Labels): void {
    const counter = this.#counters.get(name)!;
    if (labels.length === 0) counter.inc(by);
    else counter.labels(...labels).inc(by);
  }

  observe(name: NamesOf<"histogram">, value: number, ...labels: Labels): void {
    const histogram = this.#histograms.get(name)!;
    if (labels.length === 0) histogram.observe(value);
    else histogram.labels(...labels).observe(value);
  }

  /** The page in OpenMetrics, or in the older text format that every tool reads. */
  page(kind: PageKind, openMetrics: boolean, refresh: () => Promise<void>): Promise<Page> {
    const made = this.#last.then(async () => {
      await refresh();
      const text = (await this.#pages[kind].metrics()).replaceAll(/ Nan$/gm, " NaN");
      if (openMetrics) return { type: Registry.OPENMETRICS_CONTENT_TYPE, text };
      return { type: Registry.PROMETHEUS_CONTENT_TYPE, text: asPlainText(text) };
    });
    this.#last = made.catch(() => undefined);
    return made;
  }

  close(): void {
    this.#pages.tequio.clear();
    this.#pages.slurm.clear();
  }
}

function newRegistry(): Registry<OpenMetricsContentType> {
  const registry = new Registry() as unknown as Registry<OpenMetricsContentType>;
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}

/**
 * The older text format of an OpenMetrics page. prom-client can write both, but writing the new one
 * once renames its counters for good; they differ only in the names of counters and in the end.
 */
function asPlainText(page: string): string {
  return page
    .replaceAll(/^# HELP (\S+) (.*)\n# TYPE \1 counter$/gm, (_, name: string, help: string) => {
      return `# HELP ${name}_total ${help}\n# TYPE ${name}_total counter`;
    })
    .replace(/# EOF\n$/, "");
}
