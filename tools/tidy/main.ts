// Starts tidy: checks what STYLE.md and ARCHITECTURE.md ask and a machine can see. Prints one
// line per finding and a summary; ends with 1 when there are findings.
// Use: node tools/tidy/main.ts [folder]
import { join } from "node:path";
import { EXCEPTIONS } from "./exceptions.ts";
import { runChecks, toLines } from "./report.ts";
import { loadTree } from "./tree.ts";

const started = performance.now();
const tree = loadTree(process.argv[2] ?? join(import.meta.dirname, "..", ".."));
const findings = runChecks(tree, EXCEPTIONS);
for (const line of toLines(findings)) console.log(line);
const ms = Math.round(performance.now() - started);
console.log(`tidy: ${findings.length} findings in ${tree.files.length} files (${ms} ms)`);
process.exitCode = findings.length === 0 ? 0 : 1;
