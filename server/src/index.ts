// The control plane: `openServer` starts it on a store; the ports are what it needs from outside.
export type { BlobCareSettings } from "./blob-gc/index.ts";
export { type LineOptions, makeSay } from "./log-lines.ts";
export { METRICS, type MetricDefinition, SLURM_METRICS } from "./metrics/definitions.ts";
export type { PreparedRun, Say, TrainerPort } from "./ports.ts";
export { type Committed, openPump, type Pump } from "./pump.ts";
export { openServer, type ServerHandle, type ServerOptions } from "./server.ts";
export { makeSigner } from "./signer.ts";
export { loadTls, type ServerTls, selfSignedTls } from "./tls.ts";
