// `tequio store copy`: moves a pool from a data folder to a database, or back. The copying itself
// is in store-copying.ts.
import { type Command, DATA_DEFAULT, type Shell, type VerbEnd } from "@tequio/cli";
import { both, copyPlace, report } from "./store-copying.ts";
import { placeOf } from "./store-places.ts";

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
        "\ninterrupted says so when it is opened. A password may stand in PGPASSWORD.",
    );
  copy.action(
    shell.act((from: string, to: string) => run(from, to, copy.opts<{ data: string }>(), shell)),
  );
}

async function run(
  from: string,
  to: string,
  { data }: { readonly data: string },
  shell: Shell,
): Promise<VerbEnd> {
  const { cwd } = shell.terminal;
  const places = both(await placeOf(from, data, cwd), await placeOf(to, data, cwd));
  if (!places.ok) return places;
  const ends = { from: places.value.a, to: places.value.b };
  const copied = await copyPlace({ ...ends, source: "stopped" }, shell);
  if (!copied.ok) return copied;
  const store = ends.to.url === undefined ? "" : " --store URL";
  const call = `tequio up${store} --data ${ends.to.data}`;
  const next = `Start it there: \`${call}\`; never the old one again.`;
  return report(ends, copied.value, next, shell);
}
