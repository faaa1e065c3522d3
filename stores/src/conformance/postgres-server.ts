// A PostgreSQL server of a test's own: made in a temporary folder, listening on a socket in it
// and on a free port of this machine, killed and started again at will, and gone at the end.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  accessSync,
  appendFileSync,
  chmodSync,
  chownSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";

/** Where Debian puts the programs; POSTGRES_BIN names another folder. */
const BIN = process.env.POSTGRES_BIN ?? "/usr/lib/postgresql/15/bin";
/** A crashed server reads its log before it is ready. */
const READY_MS = 30_000;

export interface PostgresServer {
  /** The address on the loopback port, as the superuser; no password is asked for. */
  readonly url: string;
  /** The same through the socket. */
  readonly socketUrl: string;
  readonly port: number;
  start(): Promise<void>;
  /** Kills every process of the server without warning. */
  kill(): Promise<void>;
  /** Runs SQL as the superuser in a session of its own. */
  sql(text: string): Promise<readonly Record<string, unknown>[]>;
  /** Ends the server and removes its folder. */
  remove(): Promise<void>;
}

/** PostgreSQL refuses to run as root: then it runs as the user that its package made. */
function asUser(words: readonly string[]): readonly string[] {
  if (process.getuid?.() !== 0) return words;
  return ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", ...words];
}

function run(words: readonly string[]): void {
  const all = asUser(words);
  const ended = spawnSync(all[0]!, all.slice(1), { encoding: "utf8" });
  if (ended.status !== 0) throw new Error(`${words[0]} failed: ${ended.stderr}`);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  return port;
}

/** Makes and starts a server. `settings` are lines of postgresql.conf, `logins` of pg_hba.conf that
 * come before the one that lets everybody in. */
export async function startPostgres(
  settings: readonly string[] = [],
  logins: readonly string[] = [],
): Promise<PostgresServer> {
  try {
    accessSync(join(BIN, "initdb"));
  } catch {
    throw new Error(
      `PostgreSQL is missing at ${BIN}: install it with \`apt-get install postgresql-15\`, or ` +
        "set POSTGRES_BIN to the folder of its programs.",
    );
  }
  const folder = makeFolder();
  const data = join(folder, "data");
  run([
    join(BIN, "initdb"),
    "-D",
    data,
    "-A",
    "trust",
    "-U",
    "postgres",
    "-E",
    "UTF8",
    "--no-locale",
    "--no-sync",
  ]);
  const hba = join(data, "pg_hba.conf");
  writeFileSync(hba, `${logins.join("\n")}\n${readFileSync(hba, "utf8")}`);
  return startIn(folder, settings);
}

/** A server that follows another one and only reads (a hot standby), until it is promoted. */
export async function startFollower(leader: PostgresServer): Promise<PostgresServer> {
  const folder = makeFolder();
  const from = ["-h", "127.0.0.1", "-p", String(leader.port), "-U", "postgres"];
  const data = ["-D", join(folder, "data"), "--write-recovery-conf", "--checkpoint=fast"];
  run([join(BIN, "pg_basebackup"), ...from, ...data]);
  return startIn(folder, []);
}

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "tequio-pg-"));
  if (process.getuid?.() === 0) giveToPostgres(folder);
  return folder;
}

async function startIn(folder: string, settings: readonly string[]): Promise<PostgresServer> {
  const port = await freePort();
  const conf = [
    `port = ${port}`,
    `unix_socket_directories = '${folder}'`,
    "listen_addresses = '127.0.0.1'",
    "logging_collector = off",
    ...settings,
  ];
  appendFileSync(join(folder, "data", "postgresql.conf"), `${conf.join("\n")}\n`);
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const server = createHandle(folder, url, port);
  await server.start();
  return server;
}

function giveToPostgres(folder: string): void {
  const id = (flag: string): number =>
    Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout);
  chownSync(folder, id("-u"), id("-g"));
  chmodSync(folder, 0o755);
}

function createHandle(folder: string, url: string, port: number): PostgresServer {
  let child: ChildProcess | undefined;
  async function sql(text: string): Promise<readonly Record<string, unknown>[]> {
    const client = new Client({ connectionString: url });
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query(text)).rows as Record<string, unknown>[];
    } finally {
      await client.end();
    }
  }
  async function start(): Promise<void> {
    const words = asUser([join(BIN, "postgres"), "-D", join(folder, "data")]);
    const untilMs = performance.now() + READY_MS;
    for (;;) {
      // A killed server's last processes may still be there: then the new one gives up at first.
      if (child === undefined || child.exitCode !== null) {
        child = spawn(words[0]!, words.slice(1), { stdio: "ignore" });
      }
      const ready = await sql("SELECT 1").then(
        () => true,
        () => false,
      );
      if (ready) return;
      if (performance.now() > untilMs) throw new Error("PostgreSQL did not start in time.");
      await sleep(50);
    }
  }
  async function stop(signal: "SIGKILL" | "SIGINT"): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
    child = undefined;
  }
  return {
    url,
    socketUrl: `postgres://postgres@/postgres?host=${encodeURIComponent(folder)}&port=${port}`,
    port,
    start,
    sql,
    async kill() {
      await stop("SIGKILL"); // Its own processes notice and end by themselves.
      await sleep(100);
    },
    async remove() {
      await stop("SIGINT");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
