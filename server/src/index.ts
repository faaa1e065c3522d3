// The control plane: `openServer` starts it on a store; the ports are what it needs from outside.
export { Fold } from "./aggregator/kernels/fold.ts";
export { ownLane, threadLanes } from "./aggregator/lanes.ts";
export { type MergeTools, merge } from "./aggregator/merge.ts";
export { Models } from "./aggregator/models.ts";
export { putVectors } from "./aggregator/vectors.ts";
export type { BlobCareSettings } from "./blob-gc/index.ts";
export { type FollowerHandle, type FollowerOptions, openFollowing } from "./follower/open.ts";
export { type LineOptions, makeSay } from "./log-lines.ts";
export { METRICS, type MetricDefinition, SLURM_METRICS } from "./metrics/definitions.ts";
export {
  copyPeople,
  openPeople,
  openSqlitePeople,
  PEOPLE_FILE,
  type PeopleStore,
  PeopleStoreError,
  readSqlitePeople,
} from "./people-store/index.ts";
export type { PreparedRun, Say, TrainerPort } from "./ports.ts";
export { type Committed, openPump, type Pump } from "./pump.ts";
export { openServer, type ServerHandle, type ServerOptions } from "./server.ts";
export { makeSigner } from "./signer.ts";
export { isLoopback } from "./signin/oidc.ts";
export {
  type GroupRole,
  type OidcSettings,
  parseGroupRole,
  type SignInSettings,
} from "./signin/settings.ts";
export { loadClientCa, loadTls, type ServerTls, selfSignedTls } from "./tls.ts";
export type { TlsClients } from "./tls-clients.ts";
export { openTraces, type TraceOptions, tracesUrl } from "./traces/otlp.ts";
export type { Traces } from "./traces/traces.ts";
