// `tequio up`: the control plane in the foreground, with this machine as its first member. It
// says where the console is and how to go on, and stops everything in order. The parts themselves
// are put together in ../up.ts and ../site.ts.

import { cpus, totalmem } from "node:os";
import { resolve } from "node:path";
import {
  adminTokenPath,
  bold,
  type Command,
  DATA_DEFAULT,
  dim,
  EXIT,
  Option,
  PORT_DEFAULT,
  type Shell,
  showTrouble,
  type Trouble,
  troubleJson,
  usage,
  type VerbEnd,
  writeContext,
} from "@tequio/cli";
import { makeClient, Name } from "@tequio/contract";
import type { Relay } from "../demo/relay.ts";
import { giveBackWhenIdle } from "../idle-memory.ts";
import { endTurns, startOverAsGiven } from "../lean.ts";
import type { UpHandle } from "../up.ts";
import { addBlobFlags, type BlobFlags, blobCareOf } from "./blob-flags.ts";
import { port } from "./flags.ts";
import { makeFolder } from "./folder.ts";
import { addKeepFlags, type KeepFlags, keepOf } from "./keep-flags.ts";
import { addSignInFlags, type SignInFlags, signInOf } from "./sign-in-flags.ts";
import { type StopCause, untilStopped } from "./stop.ts";
import { blobsPlaceOf, placeFromFlags, rememberBlobs } from "./store-blobs.ts";
import type { Standby } from "./store-places.ts";
import { addTraceFlags, type TraceFlags, tracesOf } from "./trace-flags.ts";
import { memberNameOf, type OwnMember, startDemoMembers, startOwnMember } from "./up-members.ts";
import { addListenFlags, type ListenFlags, listenOf } from "./up-tls.ts";

interface Flags extends TraceFlags, ListenFlags, BlobFlags, KeepFlags, SignInFlags {
  readonly data: string;
  readonly store?: string;
  readonly standby?: true;
  readonly port: number;
  readonly name: string;
  readonly member: boolean;
  readonly demoMembers?: true;
  readonly open: boolean;
  readonly isolation: "none" | "sandbox" | "auto";
  readonly endWithStdin?: true;
  readonly log: "auto" | "text" | "json";
  readonly logRequests?: true;
  readonly metricsTokenFile?: string;
}

const GIB = 2 ** 30;

/** Adds the flags and the action of `tequio up`. */
export function define(command: Command, shell: Shell): void {
  addListenFlags(command)
    .option("--data <dir>", "Data folder: journal, blobs, logs, secrets", DATA_DEFAULT)
    .addOption(
      new Option("--store <url>", "PostgreSQL database that holds the journal").env("TEQUIO_STORE"),
    )
    .option("--standby", "With --store: follow while another control plane leads")
    .option("--port <n>", "Port to listen on; 0: any free one", port, PORT_DEFAULT)
    .option("--name <name>", "Name of the pool", memberNameOf())
    .option("--no-member", "Do not lend this machine to the pool")
    .addOption(
      new Option("--isolation <how>", "Walls around the jobs that this machine runs")
        .choices(["none", "sandbox", "auto"])
        // It is the operator's own machine, and a first job may well want the operator's files.
        .default("none"),
    )
    .option("--demo-members", "Also start the demonstration's members")
    .option("--no-open", "Do not open the console in a browser")
    .option("--end-with-stdin", "Stop when standard input ends")
    .addOption(
      new Option("--log <form>", "Lines on standard error; auto: text at a terminal, else JSON")
        .choices(["auto", "text", "json"])
        .default("auto"),
    )
    .option("--log-requests", "Also say a line for each request that went well")
    .option("--metrics-token-file <file>", "Token that may read /metrics and nothing else")
    .addHelpText(
      "after",
      "\nCtrl-C stops the jobs of this machine's member too; SIGTERM leaves them running for the" +
        "\nnext start. With --json the first line on stdout says {ready, url, token, data} or the" +
        "\nrefusal; a standby adds `follows`, and says {leads, url, token, data} in its turn.",
    )
    .action(shell.act(() => run(command.opts<Flags>(), shell)));
  addBlobFlags(command);
  addTraceFlags(command);
  addKeepFlags(command);
  addSignInFlags(command);
}

interface Running {
  readonly url: string;
  readonly token: string;
  /** The pool's own certificate, if it has made one. */
  readonly ca: string | undefined;
  readonly data: string;
  readonly members: OwnMember[];
  readonly relays: Relay[];
}

/** The control plane's code, in a process that keeps no compiler of types (see ../lean.ts). */
async function loadedLean(): Promise<typeof import("../up.ts")> {
  const loaded = await import("../up.ts");
  startOverAsGiven();
  endTurns();
  giveBackWhenIdle();
  return loaded;
}

async function run(flags: Flags, shell: Shell): Promise<VerbEnd> {
  const { terminal } = shell;
  if (!Name.safeParse(flags.name).success) {
    return usage(`\`--name ${flags.name}\` is not a name.`, "Use letters, digits, '.' and '-'.");
  }
  if (flags.standby === true && flags.store === undefined) {
    return usage("`--standby` needs a database.", "Give `--store postgres://USER@HOST/DATABASE`.");
  }
  const stop = untilStopped({ withStdin: flags.endWithStdin === true });
  const data = resolve(terminal.cwd, flags.data);
  const { sayLine, sayOf } = await import("./log-form.ts");
  const say = sayOf(flags, shell);
  const log = (line: string): void => sayLine(say, line);
  const folder = makeFolder(data, "--data");
  if (!folder.ok) return refused(folder, shell);
  const listen = await listenOf(flags, data, terminal.cwd);
  if (!listen.ok) return refused(listen, shell);
  const blobs = blobsPlaceOf(data, placeFromFlags(flags.blobs, flags.blobsEndpoint));
  if (!blobs.ok) return refused(blobs, shell);
  const signIn = signInOf(flags, terminal.cwd);
  if (!signIn.ok) return refused(signIn, shell);
  const { startUp } = await loadedLean();
  const traces = tracesOf(flags, terminal.env);
  if (!traces.ok) return refused(traces, shell);
  const started = await startUp({
    ...{ data, port: flags.port, listen: listen.value, name: flags.name, log, say },
    logRequests: flags.logRequests === true,
    ...{ blobCare: blobCareOf(flags), blobsPlace: blobs.value, keep: keepOf(flags) },
    signIn: signIn.value,
    ...(traces.value === undefined ? {} : { traces: traces.value }),
    ...(flags.store === undefined ? {} : { store: flags.store }),
    ...(flags.standby === undefined ? {} : { standby: standbyUntil(stop, log) }),
    ...(flags.metricsTokenFile === undefined
      ? {}
      : { metricsTokenFile: resolve(terminal.cwd, flags.metricsTokenFile) }),
  });
  if (!started.ok && started.code === "SHUTTING_DOWN") return EXIT.OK; // Stopped while waiting.
  if (!started.ok) return refused(withPortHint(started, flags.port), shell);
  rememberBlobs(data, blobs.value);
  const server = started.value;
  if (server.follows) {
    const lead = await followFirst(server, { data, stop, log }, shell);
    if (lead !== undefined) return lead;
  }
  const admin = await server.led;
  const token = admin.ok ? admin.value : undefined;
  if (token === undefined) return revoked(data, server);
  const ca = listen.value.tls?.pin === undefined ? undefined : listen.value.tls.cert;
  const running: Running = { url: server.url, token, ca, data, members: [], relays: [] };
  keepContext(running, shell);
  if (shell.globals().json) {
    terminal.out(`${JSON.stringify(readyLine(server, token, data))}\n`);
  } else {
    await greet(running, flags, shell);
  }
  await startMembers(running, flags, shell, log);
  const end = await Promise.race([stop, server.deposed]);
  await stopAll(running, typeof end === "string" ? end : "terminate", log);
  await server.close();
  if (typeof end !== "string") return end;
  log("The pool has stopped.");
  return EXIT.OK;
}

/** What scripts wait for. */
const readyLine = ({ url, follows }: UpHandle, token: string, data: string): object =>
  follows ? { leads: true, url, token, data } : { ready: true, url, token, data };

/** Says where reads are answered, and waits for the lead; how it ended when it does not come. */
async function followFirst(
  server: UpHandle,
  own: {
    readonly data: string;
    readonly stop: Promise<StopCause>;
    readonly log: (line: string) => void;
  },
  shell: Shell,
): Promise<VerbEnd | undefined> {
  const { url, adminToken: token } = server;
  if (shell.globals().json) {
    const line = { ready: true, follows: true, url, token, data: own.data };
    shell.terminal.out(`${JSON.stringify(line)}\n`);
  }
  own.log(`info  Follows the leader and answers reads at ${url}.`);
  const end = await Promise.race([own.stop, server.led]);
  if (typeof end === "object" && end.ok) {
    own.log("info  Leads from now on.");
    return undefined;
  }
  await server.close();
  return typeof end === "object" ? (end as Trouble) : EXIT.OK;
}

/** Waits for its turn until it is told to stop. */
function standbyUntil(stop: Promise<StopCause>, log: (line: string) => void): Standby {
  const waiting = new AbortController();
  void stop.then(() => waiting.abort());
  const onWaiting = ({ code, message }: Trouble): void => log(`info  Waiting: ${code} ${message}`);
  return { signal: waiting.signal, onWaiting };
}

function refused(trouble: Trouble, shell: Shell): VerbEnd {
  if (shell.globals().json) shell.terminal.out(`${troubleJson(trouble)}\n`);
  return trouble;
}

/** The operator's own token was taken back, so nobody here may ask the pool for anything. */
async function revoked(data: string, server: { close(): Promise<void> }): Promise<Trouble> {
  await server.close();
  const path = adminTokenPath(data);
  return {
    code: "TOKEN_REVOKED",
    message: `The operator's token in ${path} was revoked or has expired.`,
    hint: "Delete that file and start again: a new token is made.",
  };
}

function withPortHint(trouble: Trouble, taken: number): Trouble {
  if (trouble.code !== "PORT_TAKEN") return trouble;
  const hint =
    `If it is a pool of yours, use it as it is (\`tequio pool\`); else give another port: ` +
    `\`tequio up --port ${taken + 1}\`.`;
  return { ...trouble, hint };
}

function keepContext({ url, token, ca }: Running, shell: Shell): void {
  try {
    writeContext(shell.terminal, { url, token, ...(ca === undefined ? {} : { ca }) });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    shell.terminal.err(`Other terminals will not find the pool by themselves: ${why}\n`);
  }
}

async function greet({ url, token, data }: Running, flags: Flags, shell: Shell): Promise<void> {
  const { terminal, version } = shell;
  const strong = (text: string): string => bold(terminal, text);
  const soft = (text: string): string => dim(terminal, text);
  const link = `${url}/?token=${token}`;
  const lines = [
    `${strong(`Tequio ${version}`)}: the pool \`${flags.name}\` is up.`,
    "",
    `  Console   ${strong(link)}`,
    `  Data      ${data}`,
    "",
    "In another terminal:",
    `  tequio submit -- echo hello   ${soft("run something")}`,
    `  tequio jobs                   ${soft("see what became of it")}`,
    `  tequio member invite NAME     ${soft("let another machine lend what it has")}`,
    "",
    soft("Ctrl-C stops the pool."),
    "",
  ];
  terminal.out(`${lines.join("\n")}\n`);
  if (!flags.open || !terminal.isTty) return;
  const { openBrowser } = await import("../demo/browser.ts");
  openBrowser(link);
}

async function startMembers(
  running: Running,
  flags: Flags,
  shell: Shell,
  log: (line: string) => void,
): Promise<void> {
  const client = makeClient({ url: running.url, token: running.token });
  const failed = (trouble: Trouble): void => showTrouble(shell.terminal, trouble, false);
  if (flags.member) {
    const own = await startOwnMember(client, running.data, memberNameOf(), flags.isolation);
    if (own.ok) running.members.push(own.value);
    else failed(own);
  }
  if (flags.demoMembers === true) {
    const demo = await startDemoMembers(client, running.data);
    if (demo.ok) {
      running.members.push(...demo.value.members);
      running.relays.push(...demo.value.relays);
    } else failed(demo);
  }
  for (const member of running.members) void follow(member, flags, log);
}

async function follow(member: OwnMember, flags: Flags, log: (line: string) => void): Promise<void> {
  const { connected } = await member.ready;
  const own = flags.member && member.name === memberNameOf();
  const what = own
    ? ` (this machine: ${cpus().length} cores, ${Math.round(totalmem() / GIB)} GiB)`
    : "";
  if (connected) log(`info  Member ${member.name}${what} is here.`);
  const code = await member.ended;
  if (code !== 0) log(`error Member ${member.name} ended (${code}); see ${member.logFile}`);
}

async function stopAll(
  running: Running,
  cause: StopCause,
  log: (line: string) => void,
): Promise<void> {
  const keepJobs = cause !== "interrupt";
  const jobs = keepJobs ? "jobs go on and are found again" : "jobs of this machine are stopped";
  log(`info  Stopping; ${jobs}. Ctrl-C again ends at once.`);
  await Promise.all(running.members.map((member) => member.stop(keepJobs)));
  await Promise.all(running.relays.map((relay) => relay.close()));
}
