// The flags of `tequio simulate` on traces, what they ask for, and the command that repeats it.
import { basename, resolve } from "node:path";
import { badValue, type Command, Option, type Terminal, type Trouble, usage } from "@tequio/cli";
import { parseDurationMs } from "@tequio/contract";
import { type SimulateRequest, TRACE_FORMATS, type TraceFormat } from "../simulate/request.ts";
import { quoted } from "../simulate/words.ts";

/** Seeds are 32 bits wide. */
const SEED_MAX = 2 ** 31 - 1;
const SCALE_MAX = 100;
const RATE_MAX = 10_000;

export interface TraceFlags {
  readonly trace?: string;
  readonly format?: TraceFormat;
  readonly store?: string;
  readonly generate?: string | true;
  readonly cluster?: string;
  readonly policy: readonly string[];
  readonly seed: number;
  readonly out?: string;
  readonly without: readonly (readonly string[])[];
  readonly pool: readonly (readonly string[])[];
  readonly scale: readonly number[];
  readonly loss: number;
  readonly limit?: number;
  readonly passEvery?: number;
  readonly skipTooLarge?: boolean;
  readonly owner: SimulateRequest["owner"];
  readonly rate?: number;
  readonly speeds?: string;
  readonly moveCost: number;
  readonly arrivals?: string;
}

const WITH_NUMBERS = (name: string, least: number, most: number) => (text: string) => {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (value >= least && value <= most) return value;
  throw badValue(`${name} is a number from ${least} to ${most}.`);
};

const names = (text: string): readonly string[] => {
  const list = text.split(",").map((name) => name.trim());
  if (list.every((name) => name !== "")) return list;
  throw badValue("Give names with commas between them.");
};
const more =
  <T>(parse: (text: string) => T) =>
  (text: string, before: readonly T[]): readonly T[] => [...before, parse(text)];

function seconds(text: string): number {
  const ms = parseDurationMs(text);
  if (ms !== undefined) return ms / 1_000;
  throw badValue("A time is `90s`, `30m`, `12h` or `2d`.");
}

function seedOf(text: string): number {
  const value = Number(text);
  if (/^\d{1,10}$/.test(text) && value <= SEED_MAX) return value;
  throw badValue(`A seed is a whole number up to ${SEED_MAX}.`);
}

/** Adds the flags. */
export function defineTrace(command: Command): void {
  const add = (option: Option): void => void command.addOption(option);
  const one = (text: string, help: string): Option => new Option(text, help);
  add(one("--trace <file>", "jobs of a trace (gzip too), or journal:DIR of a pool"));
  add(
    one("--format <name>", "of the trace; else it is told by its first line").choices(
      TRACE_FORMATS,
    ),
  );
  add(one("--store <place>", "jobs of a pool: its data folder or database; it may run"));
  add(one("--generate [spec]", "jobs by chance, e.g. jobs=2000,days=7,owners=4,load=0.8"));
  add(one("--cluster <file>", "machines: members with sites and nodes, YAML or JSON"));
  add(
    one("--policy <names>", "policies, with commas, or all").argParser(names).default([], "some"),
  );
  add(one("--seed <n>", "of everything by chance").argParser(seedOf).default(1));
  add(one("--out <file>", "report as one page: FILE.html, or a folder for page and JSON"));
  add(one("--without <members>", "what if they leave").argParser(more(names)).default([], "none"));
  add(
    one("--pool <members>", "what if only they pool, the others stay alone; or all")
      .argParser(more(names))
      .default([], "all"),
  );
  add(
    one("--scale <factor>", "what if there were so much of the machines, e.g. 0.9")
      .argParser(more(WITH_NUMBERS("A factor", 0.01, SCALE_MAX)))
      .default([], "none"),
  );
  add(one("--loss <time>", "work that a stopped job loses").argParser(seconds).default(60, "60s"));
  add(one("--limit <time>", "time limit of jobs whose trace names none").argParser(seconds));
  add(one("--pass-every <time>", "least time between two plans of the pool").argParser(seconds));
  add(one("--skip-too-large", "leave jobs out that the cluster can never hold"));
  add(
    one("--owner <field>", "of an SWF log")
      .choices(["auto", "group", "user", "queue", "partition"])
      .default("auto"),
  );
  add(one("--rate <n>", "Gavel: jobs an hour").argParser(WITH_NUMBERS("A rate", 0.001, RATE_MAX)));
  add(one("--speeds <file>", "Gavel: the table of speeds"));
  add(one("--move-cost <time>", "Gavel: lost by a move").argParser(seconds).default(0, "0s"));
  add(one("--arrivals <file>", "openb: ready orders of arrival instead of the seed's"));
}

/** Whether the flags ask for a trace at all. */
export const asksForTrace = ({ trace, store, generate }: TraceFlags): boolean =>
  trace !== undefined || store !== undefined || generate !== undefined;

/** The request, or what is wrong with the flags together. */
export function requestOf(flags: TraceFlags, terminal: Terminal): SimulateRequest | Trouble {
  const given = [flags.trace, flags.store, flags.generate].filter((one) => one !== undefined);
  if (given.length > 1) {
    return usage("Give one of --trace, --store and --generate.", "Leave the others out.");
  }
  const at = (path: string): string => resolve(terminal.cwd, path);
  const journal = /^journal:(.+)$/.exec(flags.trace ?? "")?.[1];
  const store = flags.store ?? journal ?? (flags.format === "journal" ? flags.trace : undefined);
  const path = (key: "cluster" | "speeds" | "arrivals") =>
    flags[key] === undefined ? {} : { [key]: at(flags[key]) };
  const { trace, generate } = flags;
  const pools = flags.pool.filter((members) => members.join() !== "all");
  return {
    ...(store === undefined && trace !== undefined
      ? { trace: at(trace), traceSaid: basename(trace) }
      : {}),
    ...(store === undefined ? {} : { store }),
    ...(generate === undefined ? {} : { generate: generate === true ? "default" : generate }),
    ...(flags.format === undefined ? {} : { format: flags.format }),
    ...path("cluster"),
    ...(flags.cluster === undefined ? {} : { clusterSaid: flags.cluster }),
    ...path("speeds"),
    ...path("arrivals"),
    ...{ policies: flags.policy, seed: flags.seed, without: flags.without, pools },
    ...{ scales: flags.scale, lossS: flags.loss, moveCostS: flags.moveCost },
    ...(flags.limit === undefined ? {} : { limitS: flags.limit }),
    ...(flags.passEvery === undefined ? {} : { passS: flags.passEvery }),
    ...(flags.rate === undefined ? {} : { rate: flags.rate }),
    ...{ skipTooLarge: flags.skipTooLarge === true, owner: flags.owner, cwd: terminal.cwd },
    command: commandOf(flags),
  };
}

/** The flags that change what is computed, as one would type them. */
function commandOf(flags: TraceFlags): string {
  const words = ["tequio", "simulate"];
  const add = (name: string, value: string | number | undefined): void => {
    if (value !== undefined) words.push(`--${name}`, quoted(String(value)));
  };
  add("trace", flags.trace);
  add("store", flags.store);
  if (flags.generate === true) words.push("--generate");
  else add("generate", flags.generate);
  add("format", flags.format);
  add("cluster", flags.cluster);
  if (flags.policy.length > 0) add("policy", flags.policy.join(","));
  add("seed", flags.seed);
  for (const members of flags.without) add("without", members.join(","));
  for (const members of flags.pool) add("pool", members.join(","));
  for (const factor of flags.scale) add("scale", factor);
  if (flags.loss !== 60) add("loss", `${flags.loss}s`);
  if (flags.limit !== undefined) add("limit", `${flags.limit}s`);
  if (flags.passEvery !== undefined) add("pass-every", `${flags.passEvery}s`);
  if (flags.skipTooLarge === true) words.push("--skip-too-large");
  if (flags.owner !== "auto") add("owner", flags.owner);
  add("rate", flags.rate);
  add("speeds", flags.speeds);
  if (flags.moveCost !== 0) add("move-cost", `${flags.moveCost}s`);
  add("arrivals", flags.arrivals);
  return words.join(" ");
}
