// Where the program starts: names every verb and loads none. What a verb needs is imported when it
// is called, so that `tequio --version` is quick and `tequio jobs` never loads the server.
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";

const PROXY_NAMES = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"] as const;

// Keeps the stripped TypeScript between starts: the second start is twice as fast.
enableCompileCache();

// Behind a proxy Node's clients must be told, here and in the children.
if (PROXY_NAMES.some((name) => process.env[name] !== undefined)) {
  (await import("./proxy.ts")).useProxies();
}

const { allowStartOver, startOverAsGiven } = await import("./lean.ts");
allowStartOver();
// A control plane runs for weeks. This early, little has been loaded that would be loaded again.
if (process.argv.slice(2).find((word) => !word.startsWith("-")) === "up") {
  startOverAsGiven();
}

const { GROUPS, POOL_VERBS, processTerminal, runProgram } = await import("@tequio/cli");
const { VERSION } = await import("./version.ts");
const { showOwnCertificate, trustKnownPool } = await import("./trust.ts");

const verbs = [
  {
    name: "up",
    summary: "Start the control plane, with this machine as a member",
    group: GROUPS.START,
    load: () => import("./verbs/up.ts"),
  },
  {
    name: "agent",
    summary: "Lend this machine to a pool",
    group: GROUPS.START,
    load: () => import("./verbs/agent.ts"),
  },
  {
    name: "demo",
    summary: "Train one model on four unequal members, here and now",
    group: GROUPS.START,
    load: () => import("./verbs/demo.ts"),
  },
  ...POOL_VERBS,
  {
    name: "backup",
    summary: "A verified copy of a pool, made while it runs",
    group: GROUPS.POOL,
    load: () => import("./verbs/backup.ts"),
  },
  {
    name: "restore",
    summary: "Make a pool from a backup, whole or up to a record",
    group: GROUPS.POOL,
    load: () => import("./verbs/restore.ts"),
  },
  {
    name: "store",
    summary: "Move a pool between a folder and a database",
    group: GROUPS.POOL,
    load: () => import("./verbs/store.ts"),
  },
  {
    name: "doctor",
    summary: "Check this machine and the way to its pool",
    group: GROUPS.POOL,
    load: () => import("./verbs/doctor.ts"),
  },
  {
    name: "simulate",
    summary: "Plan with traces and what-ifs, or test in worlds full of faults",
    group: GROUPS.POOL,
    load: () => import("./verbs/simulate.ts"),
  },
];

await trustKnownPool(process.env, homedir());
await showOwnCertificate(process.env);
const code = await runProgram({
  verbs,
  version: VERSION,
  terminal: processTerminal(homedir()),
  args: process.argv.slice(2),
});
// A parent's open standard input or an idle socket must not keep a finished command alive; what
// was written goes out first.
process.stdout.write("", () => process.exit(code));
