// The control plane: `openServer` starts it on a store; the ports are what it needs from outside.
export type { PreparedRun, Say, TrainerPort } from "./ports.ts";
export { type Committed, openPump, type Pump } from "./pump.ts";
export { openServer, type ServerHandle, type ServerOptions } from "./server.ts";
