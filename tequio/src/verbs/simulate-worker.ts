// One thread of `tequio simulate`: lives the worlds of the seeds that it is handed.
import { parentPort } from "node:worker_threads";
import { simulateFaults } from "@tequio/core/simulator";

parentPort!.on("message", (seed: number) => parentPort!.postMessage(simulateFaults(seed)));
