// Pools of owners: who runs first, by what each owner would have alone and by service received.
export { type Changes, type SharesOptions, SharesPlan } from "./plan.ts";
export { Times } from "./times.ts";
