// From the wire form of a job to the domain value of the pool. The wire form is already valid.
import {
  type Dependency,
  type JobSpec,
  LIMITS,
  type Outcome,
  ok,
  type Resources,
  refuse,
  type TaskGroup,
} from "@tequio/core/pool";
import { TRAINER_COMMAND } from "./gateway-texts.ts";
import type { JobParsed } from "./job.ts";
import { parseArray, parseDeadline, parseDurationMs, parseSizeMiB } from "./primitives.ts";

const MEMORY_DEFAULT_MIB = 256;
/** The trainer at work on the smallest model holds 340 MiB; walls hold a job to what it asked. */
const RUN_MEMORY_DEFAULT_MIB = 1_024;

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
    ...(wire.run === undefined ? {} : { run: runOf(wire.run) }),
  };
  if (wire.array === undefined) return ok({ spec });
  return ok({ spec, array: parseArray(wire.array)! });
}

function commandOf(wire: JobParsed): Outcome<readonly string[]> {
  const given = [wire.command, wire.shell, wire.run].filter((part) => part !== undefined).length;
  if (given !== 1) {
    return refuse(
      "INVALID_REQUEST",
      given === 0 ? "The job has nothing to run." : "The job has more than one thing to run.",
      "Give exactly one of `command`, `shell` and `run`.",
      "command",
    );
  }
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
  const cpus = given.cpus ?? (count > 0 ? 0 : 1);
  const memoryMiB = wire.run === undefined ? MEMORY_DEFAULT_MIB : RUN_MEMORY_DEFAULT_MIB;
  return {
    accelerators: count,
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

function runOf(run: NonNullable<JobParsed["run"]>): NonNullable<JobSpec["run"]> {
  const { minutes, rounds, tokens } = run.stop;
  const stop = {
    ...(minutes === undefined ? {} : { minutes }),
    ...(rounds === undefined ? {} : { rounds }),
    ...(tokens === undefined ? {} : { tokens }),
  };
  const { innerSteps, codecUp, codecDown, maxMembers, ...rest } = run;
  return {
    ...rest,
    stop,
    ...(innerSteps === undefined ? {} : { innerSteps }),
    ...(codecUp === undefined ? {} : { codecUp }),
    ...(codecDown === undefined ? {} : { codecDown }),
    ...(maxMembers === undefined ? {} : { maxMembers }),
  };
}

function dependencyOf(text: string): Dependency {
  const [kind, jobId] = text.includes(":") ? text.split(":") : ["afterany", text];
  return { kind: kind as Dependency["kind"], jobId: jobId! };
}

function defaultName(wire: JobParsed): string {
  if (wire.run !== undefined) return "run";
  if (wire.command === undefined) return "wrap";
  const base = wire.command[0]!.split("/")
    .at(-1)!
    .replaceAll(/[^a-zA-Z0-9._-]/g, "-");
  return base.replaceAll(/^[._-]+|[._-]+$/g, "").slice(0, LIMITS.NAME_CHARS_MAX) || "job";
}
