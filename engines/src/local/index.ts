// The local engine: real processes on this machine. Only the composition root names it.
export { type LocalEngineOptions, localEngine } from "./engine.ts";
export type { Lend } from "./inventory.ts";
export type { IsolationOptions } from "./isolation.ts";
export { parsePs, parsePsTime, parseStat } from "./processes.ts";
