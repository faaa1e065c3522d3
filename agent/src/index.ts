// The site agent as a library: the composition root gives it an engine and runs it.
export { fetchShowing } from "./client-fetch.ts";
export { readIdentity } from "./identity.ts";
export {
  AGENT_TIMING,
  type AgentOptions,
  type AgentTiming,
  type JoinOptions,
  type TlsFiles,
} from "./options.ts";
export { SHAPES_ENV, shapesText } from "./parsers.ts";
export { proxyEnvironment } from "./proxy.ts";
export { wishNewKey } from "./rotation.ts";
export { type AgentHandle, runAgent } from "./run.ts";
export { trustCertificate } from "./trust.ts";
export { prepareSite } from "./which-site.ts";
