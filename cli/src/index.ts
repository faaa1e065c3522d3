// The command line as a library: the composition root adds its own verbs and runs it. Nothing here
// loads a verb or the contract's schemas.

export { Command, Option } from "commander";
export * from "./connection.ts";
export * from "./exit-codes.ts";
export { badValue, type ProgramOptions, runProgram, UsageError } from "./program.ts";
export * from "./report.ts";
export { processTerminal, type Terminal } from "./terminal.ts";
export * from "./verb.ts";
/** Tables load a package that a start without one does not need. */
export const loadTables = () => import("./table.ts");
export { GROUPS, POOL_VERBS } from "./verbs.ts";
