// `tequio store copy`: moves a pool from a data folder to a database, or back; and
// `tequio store copy-blobs`: moves its blobs from the folder to a bucket, or back. The copying
// itself is in store-copying.ts and store-copy-blobs.ts.
import { type Command, DATA_DEFAULT, type Shell, type VerbEnd } from "@tequio/cli";
import { addPlaceFlags, blobsPlaceOf, placeFromFlags } from "./store-blobs.ts";
import { defineCopyBlobs } from "./store-copy-blobs.ts";
import { both, copyPlace, report } from "./store-copying.ts";
import { placeOf } from "./store-places.ts";

interface Flags {
  readonly data: string;
  readonly fromBlobs?: string;
  readonly fromBlobsEndpoint?: string;
  readonly toBlobs?: string;
  readonly toBlobsEndpoint?: string;
}

/** Adds the sub-verbs of `tequio store`. */
export function define(command: Command, shell: Shell): void {
  const copy = command
    .command("copy")
    .description("Copy a stopped pool into an empty folder or database")
    .argument("<from>", "Data folder, or postgres://USER@HOST:PORT/DATABASE")
    .argument("<to>", "The same, and empty")
    .option("--data <dir>", "Data folder beside a database", DATA_DEFAULT)
    .addHelpText(
      "after",
      "\nThe source stays as it is: start the pool on the target only. A copy that was" +
        "\ninterrupted says so when it is opened. A password may stand in PGPASSWORD." +
        "\nBlobs in a bucket stay there unless --to-blobs names another place; `folder` is the" +
        "\ntarget's data folder.",
    );
  addPlaceFlags(copy, "from-blobs", "the source's blobs");
  addPlaceFlags(copy, "to-blobs", "the target's blobs");
  copy.action(shell.act((from: string, to: string) => run(from, to, copy.opts<Flags>(), shell)));
  defineCopyBlobs(command, shell);
}

async function run(from: string, to: string, flags: Flags, shell: Shell): Promise<VerbEnd> {
  const { cwd } = shell.terminal;
  const { data } = flags;
  const places = both(await placeOf(from, data, cwd), await placeOf(to, data, cwd));
  if (!places.ok) return places;
  const ends = { from: places.value.a, to: places.value.b };
  const said = placeFromFlags(flags.fromBlobs, flags.fromBlobsEndpoint);
  const source = blobsPlaceOf(ends.from.data, said);
  if (!source.ok) return source;
  const target = placeFromFlags(flags.toBlobs, flags.toBlobsEndpoint) ?? source.value;
  const words = { from: "--from-blobs", to: "--to-blobs" };
  const blobs = { from: source.value, to: target, flags: words };
  const copied = await copyPlace({ ...ends, blobs, source: "stopped" }, shell);
  if (!copied.ok) return copied;
  const store = ends.to.url === undefined ? "" : " --store URL";
  const call = `tequio up${store} --data ${ends.to.data}`;
  const next = `Start it there: \`${call}\`; never the old one again.`;
  return report({ ...ends, blobs }, copied.value, next, shell);
}
