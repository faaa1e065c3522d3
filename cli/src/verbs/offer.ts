// `tequio offer`: what a member lends, when, to whom and on which terms. Flags change the offer
// that stands; a file replaces it. What an offer means is explained in docs/guide/offers.md.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Client, type OfferView, OfferWire, parseWith, parseYaml } from "@tequio/contract";
import { type Command, Option } from "commander";
import { credits, relative, span, stamp } from "../format.ts";
import { badValue } from "../program.ts";
import { bold, dim, writeJson } from "../report.ts";
import { plain } from "../table.ts";
import { durationMs, keyValue, repeated } from "../values.ts";
import { type Shell, type Trouble, usage } from "../verb.ts";

interface Flags {
  readonly site?: string;
  readonly file?: string;
  readonly device?: readonly string[];
  readonly allDevices?: true;
  readonly hours?: readonly string[];
  readonly zone?: string;
  readonly always?: true;
  readonly allow?: readonly string[];
  readonly refuse?: readonly string[];
  readonly everybody?: true;
  readonly label?: Readonly<Record<string, string>>;
  readonly price?: Readonly<Record<string, string>>;
  readonly grace?: number;
  readonly own?: readonly string[];
  readonly ownFirst?: boolean;
  readonly shareAccelerators?: boolean;
  readonly bandwidth?: readonly string[];
  readonly maxTime?: number;
}

const MICRO_PER_CREDIT = 1_000_000;

type Outcome<T> = { readonly ok: true; readonly value: T } | (Trouble & { readonly ok: false });

/** Adds the flags and the actions of `tequio offer`. */
export function define(command: Command, shell: Shell): void {
  command
    .command("show")
    .description("What a member lends, and what single sites of it lend")
    .argument("<member>")
    .action(shell.act((name: string) => show(name, shell)));
  const set = command
    .command("set")
    .description("Set what a member lends; leases outside of it are recalled")
    .argument("<member>");
  addFlags(set);
  set.action(shell.act((name: string) => change(name, set.opts<Flags>(), shell)));
  const reset = command
    .command("reset")
    .description("Lend everything to everybody again; a site follows its member again")
    .argument("<member>")
    .option("--site <id>", "Only this site's own offer");
  reset.action(
    shell.act(async (name: string) => {
      const { site } = reset.opts<{ site?: string }>();
      const query = site === undefined ? {} : { site };
      const reply = await (await shell.pool()).call("resetOffer", { params: { name }, query });
      return reply.ok ? said(reply.value, shell) : reply;
    }),
  );
}

function addFlags(set: Command): void {
  set
    .option("--site <id>", "Only for this site of the member")
    .option("--file <file>", "The whole offer (YAML or JSON), or - for standard input")
    .option("--all-devices", "Lend every device")
    .option("--always", "Lend at all hours")
    .option("--zone <name>", "Time zone of the hours, e.g. Europe/Berlin")
    .option("--everybody", "Lend to every project")
    .option("--grace <time>", "Between the polite and the hard signal of a recall", durationMs)
    .option("--own-first", "Own projects come first on the member's devices")
    .option("--share-accelerators", "Jobs may have parts of one GPU beside each other")
    .option("--no-share-accelerators", "Each accelerator is held by one job alone")
    .option("--no-own-first", "Own projects wait like others")
    .option("--max-time <time>", "Longest time limit of a job", durationMs);
  const lists: readonly (readonly [string, string])[] = [
    ["--device <rule>", "Lend these: node=gpu-*,model=H100,kind=gpu,count=4"],
    ["--hours <text>", "Lend then: 'Mon-Fri 18:00-08:00', 'Sat-Sun'"],
    ["--allow <project>", "Lend only to these projects and those under them"],
    ["--refuse <project>", "Do not lend to these"],
    ["--own <project>", "A project of the member's own"],
    ["--bandwidth <rule>", "What training may use: 'up=20 down=50 Mon-Fri 08:00-18:00', or none"],
  ];
  for (const [flag, text] of lists) {
    set.addOption(new Option(flag, `${text} (repeat)`).argParser(repeated));
  }
  set.option("--label <k=v>", "A label of every node (repeat)", keyValue);
  set.option("--price <k=credits>", "Credits a device-hour: gpu=8, cpu=1, H100=12", keyValue);
  set.addHelpText(
    "after",
    "\nWhat no flag names stays as it is. A file has the form of `offer` in" +
      " `tequio offer show MEMBER --json`.",
  );
}

/** The member's offers, the one for the whole member first. */
async function offersOf(pool: Client, name: string): Promise<Outcome<readonly OfferView[]>> {
  const reply = await pool.call("listOffers", { params: { name } });
  return reply.ok ? { ok: true, value: reply.value.rows } : reply;
}

async function change(name: string, flags: Flags, shell: Shell) {
  const pool = await shell.pool();
  const rows = await offersOf(pool, name);
  if (!rows.ok) return rows;
  const { site } = flags;
  const now = rows.value.find((row) => row.site === site);
  const base = now ?? { ...rows.value[0]!, version: 0 };
  const made = flags.file === undefined ? edited(base.offer, flags) : await fromFile(flags, shell);
  if (!made.ok) return made;
  const body = {
    ...(site === undefined ? {} : { site }),
    ifVersion: base.version,
    offer: made.value,
  };
  const reply = await pool.call("setOffer", { params: { name }, body });
  return reply.ok ? said(reply.value, shell) : reply;
}

async function fromFile(flags: Flags, shell: Shell): Promise<Outcome<OfferWire>> {
  const others = Object.keys(flags).filter((flag) => flag !== "file" && flag !== "site");
  if (others.length > 0) {
    return no("--file holds the whole offer.", `Leave out ${others.join(", ")}, or the file.`);
  }
  let text: string;
  try {
    const { cwd, readStdin } = shell.terminal;
    const file = flags.file!;
    text = file === "-" ? await readStdin() : readFileSync(resolve(cwd, file), "utf8");
  } catch (error) {
    return no(`The file cannot be read: ${(error as Error).message}.`, "Check its name.");
  }
  return parseYaml(OfferWire, text);
}

const no = (message: string, hint: string): Trouble & { readonly ok: false } => ({
  ...usage(message, hint),
  ok: false,
});

/** The offer with what the flags say. */
function edited(offer: OfferWire, flags: Flags): Outcome<OfferWire> {
  const { allow, refuse, everybody, label, price, grace, own, ownFirst, maxTime } = flags;
  const tenants = everybody ? { allow: [], refuse: [] } : offer.tenants;
  const wire = {
    ...offer,
    devices: flags.allDevices ? [] : (flags.device?.map(ruleOf) ?? offer.devices),
    hours: hoursOf(offer, flags),
    tenants: { allow: allow ?? tenants.allow, refuse: refuse ?? tenants.refuse },
    labels: { ...offer.labels, ...label },
    prices: price === undefined ? offer.prices : pricesOf(offer.prices, price),
    recallGraceMs: grace ?? offer.recallGraceMs,
    ownProjects: own ?? offer.ownProjects,
    ownFirst: ownFirst ?? offer.ownFirst,
    shareAccelerators: flags.shareAccelerators ?? offer.shareAccelerators,
    bandwidth: bandwidthOf(offer, flags),
    caps: maxTime === undefined ? offer.caps : { ...offer.caps, walltimeMs: maxTime },
  };
  return parseWith(OfferWire, wire);
}

function hoursOf({ hours }: OfferWire, flags: Flags): OfferWire["hours"] {
  if (flags.always === true) return null;
  const windows = flags.hours ?? hours?.windows;
  if (windows === undefined) return null;
  return { zone: flags.zone ?? hours?.zone ?? "UTC", windows: [...windows] };
}

/** `up=20 down=50 Mon-Fri 08:00-18:00`: Mbit/s, and the hours of which the rest tells. */
function bandwidthOf({ bandwidth }: OfferWire, { bandwidth: rules, zone = "UTC" }: Flags) {
  if (rules === undefined) return bandwidth;
  return rules
    .filter((rule) => rule !== "none")
    .map((rule) => {
      const words = rule.trim().split(/\s+/);
      const rate = (name: string) => {
        const word = words.find((one) => one.startsWith(`${name}=`));
        return word === undefined ? undefined : Number(word.slice(name.length + 1));
      };
      const [up, down] = [rate("up"), rate("down")];
      if (up === undefined && down === undefined) throw badValue("A rule names up= or down=.");
      const window = words.filter((word) => !word.includes("=")).join(" ");
      return {
        ...(up === undefined ? {} : { upMbitPerS: up }),
        ...(down === undefined ? {} : { downMbitPerS: down }),
        hours: window === "" ? null : { zone, windows: [window] },
      };
    });
}

function bandwidthText({ bandwidth }: OfferWire): string {
  const rules = bandwidth.map(({ upMbitPerS: up, downMbitPerS: down, hours }) => {
    const rates = [up === undefined ? "" : `${up} up`, down === undefined ? "" : `${down} down`];
    const when = hours === null ? "" : ` ${hoursText(hours)}`;
    return `${rates.filter((rate) => rate !== "").join(", ")} Mbit/s${when}`;
  });
  return rules.join("; ");
}

/** `node=gpu-*,count=4` as fields; the contract judges them. */
function ruleOf(text: string): Readonly<Record<string, unknown>> {
  let fields: Readonly<Record<string, string>> = {};
  for (const part of text.split(",")) fields = keyValue(part, fields);
  const { count, ...rest } = fields;
  return count === undefined ? rest : { ...rest, count: Number(count) };
}

/** `gpu` and `cpu` are kinds; any other word is a model's name. */
function pricesOf(prices: OfferWire["prices"], given: Readonly<Record<string, string>>) {
  const kinds: Record<string, number> = {};
  const models = prices.models.filter(({ model }) => given[model] === undefined);
  for (const [name, text] of Object.entries(given)) {
    const micro = Math.round(Number(text) * MICRO_PER_CREDIT);
    if (!Number.isSafeInteger(micro) || micro < 0)
      throw badValue("A price is a number of credits.");
    if (name === "gpu" || name === "cpu") kinds[name] = micro;
    else models.push({ model: name, microPerDeviceHour: micro });
  }
  return { ...prices, ...kinds, models };
}

async function show(name: string, shell: Shell) {
  const rows = await offersOf(await shell.pool(), name);
  if (!rows.ok) return rows;
  if (shell.globals().json) return void writeJson(shell.terminal, rows.value);
  shell.terminal.out(rows.value.map((row) => described(row, shell)).join("\n"));
  return undefined;
}

function said(view: OfferView, shell: Shell): undefined {
  if (shell.globals().json) return void writeJson(shell.terminal, view);
  shell.terminal.out(described(view, shell));
  return undefined;
}

/** The offer in lines of a name and a value. */
function described(view: OfferView, { terminal }: Shell): string {
  const { offer, member, site, version } = view;
  const { tenants, ownProjects, caps } = offer;
  const nowMs = terminal.nowMs();
  const whose = site === undefined ? member : `${member}, site ${site}`;
  const changed =
    view.changedAtMs === undefined
      ? "the default"
      : `version ${version}, set ${stamp(view.changedAtMs)}${by(view)}`;
  const lines: readonly (readonly [string, string])[] = [
    ["lends", `${view.acceleratorsLent} of ${view.accelerators} accelerators${rulesText(offer)}`],
    ["shared", offer.shareAccelerators ? "parts of one GPU, by several jobs" : ""],
    ["when", offer.hours === null ? "always" : `${hoursText(offer.hours)}${openText(view, nowMs)}`],
    ["to", tenants.allow.length === 0 ? "every project" : tenants.allow.join(", ")],
    ["not to", tenants.refuse.join(", ")],
    ["own projects", `${ownProjects.join(", ")}${offer.ownFirst ? " (first)" : ""}`],
    [
      "labels",
      Object.entries(offer.labels)
        .map((pair) => pair.join("="))
        .join(", "),
    ],
    ["prices", pricesText(offer)],
    ["recall grace", span(offer.recallGraceMs)],
    ["longest job", caps.walltimeMs === undefined ? "" : span(caps.walltimeMs)],
    ["training", bandwidthText(offer)],
    ["taken back", view.recalledDevices.join(", ")],
  ];
  const shown = lines.filter(
    ([name, value]) => value !== "" && !(name === "own projects" && ownProjects.length === 0),
  );
  const body = shown.map(
    ([name, value]) => `  ${dim(terminal, name.padEnd(13))} ${plain(value)}\n`,
  );
  return `${bold(terminal, plain(whose))} (${plain(changed)})\n${body.join("")}`;
}

const by = ({ changedBy }: OfferView): string =>
  changedBy === undefined ? "" : ` by ${changedBy}`;

const hoursText = ({ windows, zone }: NonNullable<OfferWire["hours"]>): string =>
  `${windows.join(", ") || "never"} (${zone})`;

function openText({ open, openUntilMs, opensAtMs }: OfferView, nowMs: number): string {
  if (open)
    return openUntilMs === undefined ? "" : `; open, closes ${relative(openUntilMs, nowMs)}`;
  return opensAtMs === undefined ? "; closed" : `; closed, opens ${relative(opensAtMs, nowMs)}`;
}

function rulesText({ devices }: OfferWire): string {
  if (devices.length === 0) return "";
  const rules = devices.map((rule) =>
    Object.entries(rule)
      .map((pair) => pair.join("="))
      .join(","),
  );
  return `: ${rules.join("; ")}`;
}

function pricesText({ prices }: OfferWire): string {
  const { cpu, gpu, models } = prices;
  const rows: (readonly [string, number | undefined])[] = [
    ["cpu", cpu],
    ["gpu", gpu],
    ...models.map(({ model, microPerDeviceHour }) => [model, microPerDeviceHour] as const),
  ];
  const set = rows.flatMap(([name, micro]) =>
    micro === undefined ? [] : [`${name} ${credits(micro)} an hour`],
  );
  return set.join(", ");
}
