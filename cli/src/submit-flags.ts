// The flags of `submit`, made from the contract's shape of a job: each names its field, and the
// field's own description is its help. Flags go over the file; the contract's parser judges the
// whole afterwards, so a flag cannot mean anything that a file could not.
import { JobWire, ResourcesWire } from "@tequio/contract";
import { type Command, Option } from "commander";
import { keyValue, repeated } from "./values.ts";

type Fields = Readonly<Record<string, unknown>>;
type Parse = "text" | "number" | "repeat" | "key-value" | "yes" | "no";

interface JobFlag {
  readonly flag: string;
  /** The field; `resources.` goes before those of the resources. */
  readonly field: string;
  readonly parse: Parse;
  /** Help for fields whose description does not fit a flag. */
  readonly help?: string;
}

const JOB_FLAGS: readonly JobFlag[] = [
  { flag: "--name <name>", field: "name", parse: "text" },
  { flag: "--project <name>", field: "project", parse: "text" },
  { flag: "--tasks <n>", field: "tasks", parse: "number" },
  { flag: "--tasks-min <n>", field: "tasksMin", parse: "number" },
  {
    flag: "--accelerators <n>",
    field: "resources.accelerators",
    parse: "number",
  },
  { flag: "--kind <kind>", field: "resources.kind", parse: "text" },
  { flag: "--vendor <name>", field: "resources.vendor", parse: "text" },
  { flag: "--model <name>", field: "resources.model", parse: "text" },
  { flag: "--accelerator-memory <size>", field: "resources.acceleratorMemory", parse: "text" },
  { flag: "--cpus <n>", field: "resources.cpus", parse: "number" },
  { flag: "--memory <size>", field: "resources.memory", parse: "text" },
  { flag: "--disk <size>", field: "resources.disk", parse: "text" },
  { flag: "--processes <n>", field: "resources.processes", parse: "number" },
  { flag: "--member <name>", field: "members", parse: "repeat" },
  {
    flag: "--exclude-member <name>",
    field: "excludeMembers",
    parse: "repeat",
    help: "Not these members",
  },
  { flag: "--label <key=value>", field: "labels", parse: "key-value" },
  { flag: "--prefer <fast|cheap>", field: "prefer", parse: "text" },
  { flag: "--priority <n>", field: "priority", parse: "number", help: "0 to 1000; default: 100" },
  { flag: "--preemptible", field: "preemptible", parse: "yes" },
  {
    flag: "--no-requeue",
    field: "requeue",
    parse: "no",
    help: "Do not start again after a lost site or preemption",
  },
  { flag: "--time <time>", field: "time", parse: "text" },
  { flag: "--deadline <time>", field: "deadline", parse: "text" },
  { flag: "--array <spec>", field: "array", parse: "text" },
  { flag: "--after <dependency>", field: "after", parse: "repeat" },
  { flag: "--env <key=value>", field: "env", parse: "key-value" },
  { flag: "--serve <run>", field: "serve", parse: "text" },
  { flag: "--shell <text>", field: "shell", parse: "text" },
];

interface Described {
  readonly description?: string | undefined;
  readonly def: { readonly innerType?: unknown };
}

/** The description of a field; that of an optional one may lie below the wrapper. */
function descriptionOf(schema: Described | undefined): string | undefined {
  let at = schema;
  while (at !== undefined && at.description === undefined) {
    at = at.def.innerType as Described | undefined;
  }
  return at?.description;
}

function helpOf({ field, help, parse }: JobFlag): string {
  const [group, inner] = field.split(".");
  const shape = (inner === undefined ? JobWire.shape : ResourcesWire.shape) as unknown as Readonly<
    Record<string, Described>
  >;
  const text = help ?? descriptionOf(shape[inner ?? group!]) ?? field;
  return parse === "repeat" || parse === "key-value" ? `${text} (repeat)` : text;
}

/** Adds the flags of a job to a command. */
export function addJobFlags(command: Command): void {
  for (const one of JOB_FLAGS) {
    const option = new Option(one.flag, helpOf(one));
    if (one.parse === "repeat") option.argParser(repeated);
    if (one.parse === "key-value") option.argParser(keyValue);
    command.addOption(option);
  }
}

/** A number where the text is one; other text is left for the contract's parser to refuse. */
const numberOr = (text: string): unknown =>
  text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;

function givenValue(parse: Parse, given: unknown): unknown {
  return parse === "number" ? numberOr(given as string) : given;
}

const merged = (earlier: unknown, given: unknown): unknown => ({
  ...(earlier as Fields | undefined),
  ...(given as Fields),
});

/** The job of the file with the flags and the command over it, not yet parsed. */
export function jobFromFlags(
  file: Fields,
  command: Command,
  afterDashes: readonly string[] | undefined,
): Fields {
  const job: Record<string, unknown> = { ...file };
  const resources: Record<string, unknown> = { ...(file.resources as Fields | undefined) };
  for (const { flag, field, parse } of JOB_FLAGS) {
    const attribute = new Option(flag).attributeName();
    if (command.getOptionValueSource(attribute) !== "cli") continue;
    const value = givenValue(parse, command.getOptionValue(attribute));
    const [first, inner] = field.split(".");
    if (inner !== undefined) resources[inner] = value;
    else job[first!] = parse === "key-value" ? merged(job[first!], value) : value;
  }
  if (Object.keys(resources).length > 0) job.resources = resources;
  const shell = command.getOptionValueSource("shell") === "cli";
  // A thing to run on the command line stands for that of the file, whatever kind that was.
  if (shell || afterDashes !== undefined) for (const kind of ["command", "run"]) delete job[kind];
  if (afterDashes !== undefined) {
    if (!shell) delete job.shell;
    job.command = [...afterDashes];
  }
  return job;
}
