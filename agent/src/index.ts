// The site agent as a library: the composition root gives it an engine and runs it.
export { AGENT_TIMING, type AgentOptions, type AgentTiming } from "./options.ts";
export { type AgentHandle, runAgent } from "./run.ts";
