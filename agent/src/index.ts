// The site agent as a library: the composition root gives it an engine and runs it.
export { AGENT_TIMING, type AgentOptions, type AgentTiming } from "./options.ts";
export { wishNewKey } from "./rotation.ts";
export { type AgentHandle, runAgent } from "./run.ts";
export { trustCertificate } from "./trust.ts";
