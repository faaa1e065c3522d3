// The process of a site agent that has joined: it runs for weeks, so it loads as little as it can.
// `tequio agent` has read the command line, joined the pool and started this in its own place; how
// the site is to be run comes as JSON in the environment. It leaves the agent's work to the agent.
// entry: verbs/agent.ts starts it in place of its own process.
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";

// Before anything else is loaded, so that nothing is compiled or stripped twice.
enableCompileCache();

const { START_ENV, runAgentProcess } = await import("./agent-run.ts");
const { allowStartOver, endTurns, hasStripped, startOver } = await import("./lean.ts");
await import("./site.ts"); // All that the agent needs, before it is asked what that took.
const { knownCertificate } = await import("./trust.ts");

allowStartOver();
const flags = process.execArgv;
if (hasStripped()) startOver({ file: import.meta.filename, args: process.argv.slice(2), flags });
endTurns();
const text = process.env[START_ENV];
if (text === undefined) throw new Error("Start `tequio agent`, not this file.");
delete process.env[START_ENV];
delete process.env.TEQUIO_AGENT_SHAPES; // They were read, and are nothing for other programs.
const certificate = knownCertificate(process.env, homedir());
if (certificate !== undefined) {
  const { trustCertificate } = await import("@tequio/agent");
  trustCertificate(certificate);
}
const start = JSON.parse(text);
const out = (line: string): void => void process.stdout.write(line);
const err = (line: string): void => void process.stderr.write(line);
const trouble = await runAgentProcess(start, { out, err, nowMs: () => Date.now() });
let code = 0;
if (trouble !== undefined) {
  const { exitCodeOf, processTerminal, showTrouble } = await import("@tequio/cli");
  showTrouble(processTerminal(homedir()), trouble, start.json);
  code = exitCodeOf(trouble.code);
}
process.stdout.write("", () => process.exit(code));
