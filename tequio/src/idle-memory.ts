// Gives memory back when nothing goes on. V8 keeps what a busy moment took (a young generation of
// 32 MB, pages half empty) until it needs to collect again, and an idle process never needs to.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** How often it is asked whether nothing goes on. */
const LOOK_MS = 15_000;
/** Busier than this share of the time is not idle. Heartbeats of a hundred sites take a third. */
const IDLE_SHARE_MAX = 0.05;
/** Less than this to win is not worth a collection. */
const SPARE_BYTES_MIN = 16e6;
/** A collection takes about 1 ms for each megabyte in use: with more, somebody would notice. */
const USED_BYTES_MAX = 128e6;

/** Collects garbage from time to time while the process is idle; keeps no process alive. */
export function giveBackWhenIdle(lookMs: number = LOOK_MS): void {
  // The only way to the collector in a process that was not started with --expose-gc.
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  let before = performance.eventLoopUtilization();
  const look = (): void => {
    const now = performance.eventLoopUtilization();
    const share = performance.eventLoopUtilization(now, before).utilization;
    before = now;
    const { heapTotal, heapUsed } = process.memoryUsage();
    const spare = heapTotal - heapUsed;
    if (share > IDLE_SHARE_MAX || spare < SPARE_BYTES_MIN || heapUsed > USED_BYTES_MAX) return;
    collect();
  };
  setInterval(look, lookMs).unref();
}
