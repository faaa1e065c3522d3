// The thread of `tequio simulate` on traces: computes without a pause, so that the main thread can
// answer Ctrl-C at once, and hands back one report.
import { parentPort, workerData } from "node:worker_threads";
import { ok } from "@tequio/core/pool";
import { simulate } from "../simulate/play.ts";
import type { Ports, SimulateRequest, Told } from "../simulate/request.ts";
import { openRunning, placeOf } from "./store-places.ts";

/** Reports of progress are no more frequent: a person reads no faster. */
const TELL_EVERY_MS = 100;

const port = parentPort!;
const tell = (told: Told): void => port.postMessage(told);
let toldMs = 0;

const ports: Ports = {
  onProgress: (what, done, of) => {
    const nowMs = performance.now();
    if (nowMs - toldMs < TELL_EVERY_MS) return;
    toldMs = nowMs;
    tell({ type: "progress", what, done, of });
  },
  openStore: async (said, { cwd, scratch }) => {
    const place = await placeOf(said, cwd, cwd);
    if (!place.ok) return place;
    const source = await openRunning(place.value, scratch);
    return source.ok ? ok({ source: source.value, said: place.value.said }) : source;
  },
};
const outcome = await simulate(workerData as SimulateRequest, ports);
tell(
  outcome.ok ? { type: "report", report: outcome.value } : { type: "refused", refusal: outcome },
);
