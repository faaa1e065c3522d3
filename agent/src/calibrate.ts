// The program that the agent runs under the engine's limits to measure its machine. Arguments: how
// long to multiply and how long to copy, in milliseconds. It prints one line of JSON. It is only
// ever started, never imported: what it measures stands in benchmark.ts.
import { benchmarkMachine } from "./benchmark.ts";

const [gemmMs, memoryMs] = process.argv.slice(2).map(Number);
const figures = benchmarkMachine(gemmMs ?? 1_000, memoryMs ?? 500);
process.stdout.write(`${JSON.stringify(figures)}\n`);
