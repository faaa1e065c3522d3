// entry: the agent starts this for a task `tequio:trainer`
// The embedded training worker: one process that takes part in a run for one lease, or serves its
// models as a replica. Everything it needs stands in its environment; what it does is in
// site/loop.ts and serving/replica.ts.
import type { BandwidthRule } from "@tequio/core/pool";
import { openExecutor } from "./executor.ts";
import { openExchange } from "./site/exchange-client.ts";
import { takePart } from "./site/loop.ts";
import { ownText } from "./site/own-text.ts";

function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") {
    console.error(`${name} is not set: this program is started by a Tequio agent.`);
    process.exit(2);
  }
  return value;
}

const log = (line: string): void => console.log(`${new Date().toISOString()} ${line}`);

const threads = Math.max(1, Number(process.env.OMP_NUM_THREADS ?? 1));
const bandwidth = JSON.parse(process.env.TEQUIO_BANDWIDTH ?? "[]") as readonly BandwidthRule[];
if (process.argv[2] === "serve") {
  const { runReplica } = await import("./serving/process.ts");
  const [url, token] = [variable("TEQUIO_URL"), variable("TEQUIO_TOKEN")];
  await runReplica({ url, token, bandwidth, threads, log });
  process.exit(0);
}

const exchange = openExchange(
  {
    url: variable("TEQUIO_URL"),
    token: variable("TEQUIO_TOKEN"),
    runId: variable("TEQUIO_JOB_ID"),
    bandwidth,
  },
  log,
);
let stopping = false;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    stopping = true;
    exchange.stop();
    // Between two steps the loop sees it; while it waits for the pool, nothing would.
    setTimeout(() => process.exit(0), 1_500).unref();
  });
}

const opened = await openExecutor({
  threads,
  flushTiny: true,
});
if (!opened.ok) {
  console.error(`${opened.code}: ${opened.message} ${opened.hint}`);
  process.exit(1);
}
const { executor, fallbackReason } = opened.value;
log(`executor ${executor.kind} ${executor.version}, ${executor.threads} threads`);
if (fallbackReason !== undefined) log(`slower engine, because ${fallbackReason}`);
try {
  await takePart({
    exchange,
    executor,
    textOf: ownText,
    log,
    stopped: () => stopping,
  });
  process.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(stopping ? 0 : 1);
}
