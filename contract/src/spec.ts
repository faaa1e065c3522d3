// From the wire form of a job to the domain value of the pool. The wire form is already valid.
import {
  type Dependency,
  type JobSpec,
  LIMITS,
  type Outcome,
  type OwnModel,
  ok,
  type Refusal,
  type Resources,
  refuse,
  type TaskGroup,
  WHOLE_MILLI,
} from "@tequio/core/pool";
import { REPLICA_COMMAND, TRAINER_COMMAND } from "./gateway-texts.ts";
import type { JobParsed } from "./job.ts";
import { parseArray, parseDeadline, parseDurationMs, parseSizeMiB } from "./primitives.ts";
import { runMemoryMiB } from "./run-memory.ts";

type OwnModelParsed = NonNullable<NonNullable<JobParsed["run"]>["own"]>;

const MEMORY_DEFAULT_MIB = 256;
/** The trainer at work on the smallest model holds 340 MiB; walls hold a job to what it asked. */
const RUN_MEMORY_DEFAULT_MIB = 1_024;

/** Tokens of text as bytes. */
const BYTE_VOCAB = 256;
/** The trainer keeps ids in 16 bits. */
const TOKENIZER_VOCAB_MAX = 65_536;

export interface Submission {
  readonly spec: JobSpec;
  readonly array?: { readonly indices: readonly number[]; readonly maxRunning: number };
}

/** Makes the domain value; `user` is who the token belongs to. */
export function toJobSpec(wire: JobParsed, user: string): Outcome<Submission> {
  const command = commandOf(wire);
  if (!command.ok) return command;
  const walltimeMs = walltimeOf(wire);
  if (walltimeMs > LIMITS.WALLTIME_MAX_MS) {
    return refuse(
      "TOO_LARGE",
      `\`time\`: ${wire.time} is over 30 days.`,
      "Give a shorter time and continue from a checkpoint.",
      "time",
    );
  }
  const { tasksMin = wire.tasks } = wire;
  if (tasksMin > wire.tasks || (wire.run !== undefined && tasksMin < wire.tasks)) {
    return refuse(
      "INVALID_REQUEST",
      wire.run === undefined
        ? `\`tasksMin\` is ${tasksMin}, \`tasks\` only ${wire.tasks}.`
        : "A run takes and loses whole sites; `tasksMin` is for other jobs.",
      "`tasks` is the most and `tasksMin` the least.",
      "tasksMin",
    );
  }
  const group: TaskGroup = {
    name: "main",
    count: wire.tasks,
    ...(tasksMin === wire.tasks ? {} : { countMin: tasksMin }),
    command: command.value,
    env: wire.env,
    resources: resourcesOf(wire),
  };
  const bytes = JSON.stringify([group.command, group.env]).length;
  if (bytes > LIMITS.COMMAND_BYTES_MAX) {
    return refuse(
      "TOO_LARGE",
      `\`command\` and \`env\` together have ${bytes} bytes.`,
      `Put the script in a file; the limit is ${LIMITS.COMMAND_BYTES_MAX} bytes.`,
      "command",
    );
  }
  const refused = refusePart(wire, group.resources);
  if (refused !== undefined) return refused;
  const spec: JobSpec = {
    name: wire.name ?? defaultName(wire),
    project: wire.project,
    user,
    priority: wire.priority,
    preemptible: wire.preemptible,
    walltimeMs,
    groups: [group],
    constraints: {
      members: wire.members,
      excludeMembers: wire.excludeMembers,
      labels: wire.labels,
    },
    ...(wire.prefer === undefined ? {} : { prefer: wire.prefer }),
    dependencies: wire.after.map(dependencyOf),
    requeue: wire.requeue,
    ...(wire.deadline === undefined ? {} : { deadline: parseDeadline(wire.deadline)! }),
    ...(wire.run === undefined ? {} : { run: toRunSpec(wire.run) }),
    ...(wire.serve === undefined ? {} : { serves: wire.serve }),
  };
  if (wire.array === undefined) return ok({ spec });
  return ok({ spec, array: parseArray(wire.array)! });
}

function commandOf(wire: JobParsed): Outcome<readonly string[]> {
  const programs = [wire.command, wire.shell].filter((part) => part !== undefined).length;
  if (wire.serve !== undefined) return replicaCommand(wire, programs);
  if (programs > 1 || (programs === 0 && wire.run === undefined)) {
    return refuse(
      "INVALID_REQUEST",
      programs === 0 ? "The job has nothing to run." : "The job has more than one thing to run.",
      "Give `command` or `shell`, or `serve`, or `run` with or without one of the two.",
      "command",
    );
  }
  const refused = wire.run === undefined ? undefined : refuseRun(wire.run, programs > 0);
  if (refused !== undefined) return refused;
  if (wire.run !== undefined && wire.array !== undefined) {
    return refuse(
      "INVALID_REQUEST",
      "A run cannot be an array.",
      "Submit one run per setting.",
      "array",
    );
  }
  if (wire.command !== undefined) return ok(wire.command);
  if (wire.shell !== undefined) return ok(["sh", "-c", wire.shell]);
  return ok([TRAINER_COMMAND]);
}

/** A replica is one task of ours; several are several jobs, so that each lives for itself. */
function replicaCommand({ run, tasks }: JobParsed, programs: number): Outcome<readonly string[]> {
  if (programs === 0 && run === undefined && tasks === 1) return ok(REPLICA_COMMAND);
  const what = "`serve` goes with neither `command`, `shell`, `run` nor several `tasks`.";
  return refuse("INVALID_REQUEST", what, "For several replicas submit an `array`.", "serve");
}

/** What a job that says nothing of memory gets; a run of the embedded trainer by its model. */
function memoryDefaultMiB({ run, command, shell, serve }: JobParsed): number {
  if (serve !== undefined) return RUN_MEMORY_DEFAULT_MIB;
  if (run === undefined) return MEMORY_DEFAULT_MIB;
  const embedded = command === undefined && shell === undefined;
  if (!embedded) return RUN_MEMORY_DEFAULT_MIB;
  const vocab = idsOf(run.tokenizer) ?? run.model.vocab;
  const model = { ...run.model, vocab };
  return Math.max(RUN_MEMORY_DEFAULT_MIB, runMemoryMiB({ ...run, model }));
}

/** What does not go together in a run; undefined when all does. */
function refuseRun(
  { own, commandOn, warmUpSteps, tokenizer, model }: NonNullable<JobParsed["run"]>,
  hasCommand: boolean,
): Refusal | undefined {
  const no = (message: string, hint: string, at: string) =>
    refuse("INVALID_REQUEST", message, hint, at);
  if (!hasCommand && (own !== undefined || commandOn !== undefined)) {
    const at = own === undefined ? "run.commandOn" : "run.own";
    return no(`\`${at}\` is for a run with a command.`, "Give `command` or `shell` too.", at);
  }
  const ids = idsOf(tokenizer);
  if (ids !== undefined && (ids <= BYTE_VOCAB || ids > TOKENIZER_VOCAB_MAX)) {
    const hint = `Give bpe-N with N from ${BYTE_VOCAB + 1} to ${TOKENIZER_VOCAB_MAX}.`;
    return no(`\`${tokenizer}\` has ${ids} tokens.`, hint, "run.tokenizer");
  }
  if (ids !== undefined && own !== undefined) {
    return no("A model of your own has its own tokens.", "Leave it out.", "run.tokenizer");
  }
  if (ids !== undefined && model.vocab !== BYTE_VOCAB && model.vocab !== ids) {
    const message = `The model has ${model.vocab} tokens, the tokenizer ${ids}.`;
    return no(message, "Leave `model.vocab` out: it follows the tokenizer.", "run.model.vocab");
  }
  if (own === undefined) return undefined;
  if (commandOn !== undefined) {
    const hint = "Leave out `commandOn`, or train the embedded family without `own`.";
    return no("The embedded trainer cannot train a model of your own.", hint, "run.commandOn");
  }
  if (warmUpSteps > 0) return undefined;
  const hint = "Give at least 1: the first site's start is everybody's.";
  return no("A model of your own needs a warm-up.", hint, "run.warmUpSteps");
}

function walltimeOf(wire: JobParsed): number {
  if (wire.time === undefined) return LIMITS.WALLTIME_DEFAULT_MS;
  return typeof wire.time === "number"
    ? Math.ceil(wire.time * 60_000)
    : parseDurationMs(wire.time)!;
}

const sizeMiB = (size: number | string): number =>
  typeof size === "number" ? Math.ceil(size * 1_024) : parseSizeMiB(size)!;

function resourcesOf(wire: JobParsed): Resources {
  const given = wire.resources;
  // A run without a request takes one accelerator of any kind; other jobs take none.
  const accelerators = given.accelerators ?? (wire.run === undefined ? 0 : 1);
  const [model, count] =
    typeof accelerators === "number"
      ? [given.model, accelerators]
      : [accelerators.split(":")[0]!, Number(accelerators.split(":")[1] ?? 1)];
  const partMilli = Number.isInteger(count) ? undefined : Math.round(count * WHOLE_MILLI);
  const cpus = given.cpus ?? (count > 0 ? 0 : 1);
  const memoryMiB = memoryDefaultMiB(wire);
  return {
    accelerators: Math.ceil(count),
    ...(partMilli === undefined ? {} : { partMilli }),
    milliCpu: Math.ceil(cpus * 1_000),
    memoryMiB: given.memory === undefined ? memoryMiB : sizeMiB(given.memory),
    ...(given.kind === undefined ? {} : { kind: given.kind }),
    ...(given.vendor === undefined ? {} : { vendor: given.vendor }),
    ...(model === undefined ? {} : { model }),
    ...(given.acceleratorMemory === undefined
      ? {}
      : { acceleratorMemoryMiB: sizeMiB(given.acceleratorMemory) }),
    ...(given.processes === undefined ? {} : { processes: given.processes }),
    ...(given.disk === undefined ? {} : { diskMiB: sizeMiB(given.disk) }),
  };
}

/** Why this job may not have a part of an accelerator; undefined if it may, or wants none. */
function refusePart(wire: JobParsed, { partMilli, kind }: Resources): Refusal | undefined {
  if (partMilli === undefined || (wire.run === undefined && kind !== "cpu")) return undefined;
  const message =
    wire.run === undefined
      ? "A part is one of a GPU; a machine without one is shared by its cores."
      : "A run takes whole accelerators: its rounds go by the speed of each site.";
  const hint = "Give a whole number, or `cpus` without accelerators.";
  return refuse("INVALID_REQUEST", message, hint, "resources.accelerators");
}

/** Tokens of `bpe-N`; undefined for bytes. */
function idsOf(tokenizer: string | undefined): number | undefined {
  return tokenizer?.startsWith("bpe-") ? Number(tokenizer.slice(4)) : undefined;
}

/**
 * Highest rates for who says nothing: each the best of 0.001 to 0.03 for small models and a few
 * hundred rounds, or somewhat below it, since larger models want smaller ones.
 */
const LEARNING_RATES = { muon: 0.006, adamw: 0.003 } as const;

/** The domain value of a run's settings. */
export function toRunSpec(run: NonNullable<JobParsed["run"]>): NonNullable<JobSpec["run"]> {
  const { minutes, rounds, tokens } = run.stop;
  const stop = {
    ...(minutes === undefined ? {} : { minutes }),
    ...(rounds === undefined ? {} : { rounds }),
    ...(tokens === undefined ? {} : { tokens }),
  };
  const { innerSteps, codecUp, codecDown, maxMembers, own, commandOn, tokenizer, ...rest } = run;
  const optimiser = run.optimiser ?? "adamw";
  const ids = idsOf(tokenizer);
  return {
    ...rest,
    ...{ stop, optimiser },
    learningRate: run.learningRate ?? LEARNING_RATES[optimiser],
    ...(ids === undefined ? {} : { tokenizer, model: { ...rest.model, vocab: ids } }),
    ...(own === undefined ? {} : { own: ownOf(own) }),
    ...(commandOn === undefined ? {} : { commandOn }),
    ...(innerSteps === undefined ? {} : { innerSteps }),
    ...(codecUp === undefined ? {} : { codecUp }),
    ...(codecDown === undefined ? {} : { codecDown }),
    ...(maxMembers === undefined ? {} : { maxMembers }),
  };
}

function ownOf({ parameters, windows, layout }: OwnModelParsed): OwnModel {
  return { parameters, windows, ...(layout === undefined ? {} : { layout }) };
}

function dependencyOf(text: string): Dependency {
  const [kind, jobId] = text.includes(":") ? text.split(":") : ["afterany", text];
  return { kind: kind as Dependency["kind"], jobId: jobId! };
}

function defaultName(wire: JobParsed): string {
  if (wire.run !== undefined) return "run";
  if (wire.serve !== undefined) return `serve-${wire.serve}`;
  if (wire.command === undefined) return "wrap";
  const base = wire.command[0]!.split("/")
    .at(-1)!
    .replaceAll(/[^a-zA-Z0-9._-]/g, "-");
  return base.replaceAll(/^[._-]+|[._-]+$/g, "").slice(0, LIMITS.NAME_CHARS_MAX) || "job";
}
