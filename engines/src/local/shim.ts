// Entry of the supervisor process: one for each lease, started by the engine as
// `node shim.ts <folder of the lease>` in a session of its own. Secrets come by standard input,
// so they are never on a disk or in an argument list. The work is supervisor.ts's.
// entry: launch.ts starts it by its path.
import { readFileSync } from "node:fs";
import { type LeaseRecord, leaseFile, readRecord } from "./records.ts";
import { Supervisor } from "./supervisor.ts";

interface Secrets {
  readonly secretEnv: readonly Readonly<Record<string, string>>[];
}

function main(): void {
  const folder = process.argv[2];
  if (folder === undefined) throw new Error("Usage: shim <folder of the lease>");
  const lease = readRecord<LeaseRecord>(leaseFile(folder));
  if (lease === undefined) throw new Error(`There is no lease in ${folder}.`);
  // An agent that died halfway leaves half a text here, and the lease is not begun.
  const secrets = JSON.parse(readFileSync(0, "utf8")) as Secrets;
  const supervisor = new Supervisor(folder, lease);
  process.on("uncaughtException", (error) => {
    console.error(error);
    supervisor.giveUp(`The supervisor failed: ${error.message}`);
  });
  process.on("SIGHUP", () => undefined); // a terminal that closes is no reason to end
  supervisor.start(secrets.secretEnv);
}

main();
