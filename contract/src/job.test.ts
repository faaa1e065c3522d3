// Tests of the job file: what is read, what is refused and where, and what becomes of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS, type Refusal } from "@tequio/core/pool";
import { JobWire, nearest, parseWith, parseYaml, TRAINER_COMMAND, toJobSpec } from "./index.ts";

/** The refusal of a job file that must be refused. */
function refusal(text: string): Refusal {
  const parsed = parseYaml(JobWire, text);
  assert.ok(!parsed.ok, `refused: ${text}`);
  assert.ok(parsed.message.length > 0 && parsed.hint.length > 0);
  return parsed;
}

/** The domain value of a job file that must be accepted. */
function accepted(text: string) {
  const parsed = parseYaml(JobWire, text);
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
  const made = toJobSpec(parsed.value, "ana");
  assert.ok(made.ok, made.ok ? "" : made.message);
  return made.value;
}

/** The refusal of a file that has the right form and makes no sense. */
function senseless(text: string): Refusal {
  const parsed = parseYaml(JobWire, text);
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
  const made = toJobSpec(parsed.value, "ana");
  assert.ok(!made.ok);
  return made;
}

test("a full job file becomes the job that it describes", () => {
  const { spec, array } = accepted(`
name: train
project: lab
command: [python, train.py]
env: { A: "1" }
tasks: 2
resources:
  accelerators: 4
  kind: gpu
  vendor: NVIDIA
  model: H100
  acceleratorMemory: 80GB
  cpus: 2.5
  memory: 16
members: [ana]
excludeMembers: [bo]
labels: { zone: a }
priority: 300
preemptible: true
requeue: false
time: 1-12:00
array: 0-3%2
after: [afterok:17, "18", "after:3_4"]
`);
  assert.deepEqual(array, { indices: [0, 1, 2, 3], maxRunning: 2 });
  assert.deepEqual(spec, {
    name: "train",
    project: "lab",
    user: "ana",
    priority: 300,
    preemptible: true,
    walltimeMs: 129_600_000,
    groups: [
      {
        name: "main",
        count: 2,
        command: ["python", "train.py"],
        env: { A: "1" },
        resources: {
          accelerators: 4,
          milliCpu: 2_500,
          memoryMiB: 16_384,
          kind: "gpu",
          vendor: "NVIDIA",
          model: "H100",
          acceleratorMemoryMiB: 81_920,
        },
      },
    ],
    constraints: { members: ["ana"], excludeMembers: ["bo"], labels: { zone: "a" } },
    dependencies: [
      { kind: "afterok", jobId: "17" },
      { kind: "afterany", jobId: "18" },
      { kind: "after", jobId: "3_4" },
    ],
    requeue: false,
  });
});

test("a job that says little gets one core, a day, and a name", () => {
  const { spec, array } = accepted("shell: echo hello");
  assert.equal(array, undefined);
  assert.deepEqual(spec.groups[0]!.command, ["sh", "-c", "echo hello"]);
  assert.deepEqual(spec.groups[0]!.resources, { accelerators: 0, milliCpu: 1_000, memoryMiB: 256 });
  assert.deepEqual([spec.name, spec.project, spec.requeue], ["wrap", "default", true]);
  assert.equal(spec.walltimeMs, LIMITS.WALLTIME_DEFAULT_MS);
  assert.equal(accepted("command: [/usr/bin/my prog!, x]").spec.name, "my-prog");
  assert.equal(accepted('command: ["/"]').spec.name, "job");
});

test("a model with a count asks for so many of it", () => {
  const of = (text: string) =>
    accepted(`shell: a\nresources: { accelerators: "${text}" }`).spec.groups[0]!.resources;
  assert.deepEqual(of("H100:8"), { accelerators: 8, milliCpu: 0, memoryMiB: 256, model: "H100" });
  assert.equal(of("MI300X").accelerators, 1);
});

test("a job asks for disk and processes, within limits, and otherwise says nothing of them", () => {
  const limits = "resources: { disk: 100G, processes: 500 }";
  const { resources } = accepted(`command: [make]\n${limits}`).spec.groups[0]!;
  assert.deepEqual([resources.diskMiB, resources.processes], [102_400, 500]);
  const { resources: none } = accepted("command: [make]").spec.groups[0]!;
  assert.ok(!("diskMiB" in none) && !("processes" in none));
  const many = LIMITS.TASK_PROCESSES_MAX + 1;
  refusal(`command: [make]\nresources: { processes: ${many} }`);
  refusal("command: [make]\nresources: { processes: 0 }");
});

test("a job says whether it would rather be fast or cheap, in one of these words", () => {
  assert.equal(accepted("shell: a\nprefer: cheap").spec.prefer, "cheap");
  assert.ok(!("prefer" in accepted("shell: a").spec));
  refusal("shell: a\nprefer: nearby");
});

test("a run becomes the trainer with an accelerator of any kind", () => {
  const { spec } = accepted("run: { stop: { minutes: 3 }, innerSteps: 20 }");
  assert.deepEqual(spec.groups[0]!.command, [TRAINER_COMMAND]);
  assert.equal(spec.groups[0]!.resources.accelerators, 1);
  assert.equal(spec.name, "run");
  assert.deepEqual(spec.run!.stop, { minutes: 3 });
  assert.equal(spec.run!.innerSteps, 20);
  assert.deepEqual(spec.run!.model, { vocab: 256, context: 128, width: 128, layers: 4, heads: 4 });
  assert.ok(!("codecUp" in spec.run!), "what is not given is not there");
});

test("JSON is read as YAML is", () => {
  const job = { command: ["a"], tasks: 3 };
  const parsed = parseYaml(JobWire, JSON.stringify(job));
  assert.deepEqual(parsed, parseWith(JobWire, job));
  assert.ok(parsed.ok && parsed.value.tasks === 3);
});

test("a field that does not exist is named with its place and the nearest known one", () => {
  const top = refusal("shell: a\nproiect: b\n");
  assert.equal(top.code, "UNKNOWN_FIELD");
  assert.match(top.message, /`proiect`/);
  assert.match(top.hint, /Did you mean `project`\?/);
  assert.equal(top.at, "proiect, line 2, column 10");
  const inner = refusal("shell: a\nresources:\n  accelerator: 2\n");
  assert.match(inner.hint, /Did you mean `accelerators`\?/);
  assert.equal(inner.at, "resources.accelerator, line 3, column 16");
  const deep = refusal("run:\n  stop: { minute: 2 }\n");
  assert.match(deep.hint, /Did you mean `minutes`\? Known fields here: minutes, rounds, tokens/);
  assert.match(refusal("shell: a\nzzzzzzzz: 1").hint, /^Known fields here: name, project/);
});

test("a value of a wrong type or form is named with its place", () => {
  const cases: Record<string, readonly [RegExp, string]> = {
    "shell: a\ntasks: many\n": [/`tasks`: got "many"/, "tasks, line 2, column 8"],
    "shell: a\ntasks: 0\n": [/`tasks`: got 0/, "tasks, line 2, column 8"],
    "command: [a, 3]\n": [/`command\[1\]`: got 3/, "command[1], line 1, column 14"],
    "shell: a\nenv: { A: 1 }\n": [/`env\.A`: got 1/, "env.A, line 2, column 11"],
    "shell: a\nafter: [afterok:x]\n": [/`after\[0\]`/, "after[0], line 2, column 9"],
    "shell: a\ntime: soon\n": [/`time`: got "soon"/, "time, line 2, column 7"],
    "shell: a\ntime: 0s\n": [/`time`: got "0s"/, "time, line 2, column 7"],
    "shell: a\narray: 3-1\n": [/`array`: got "3-1"/, "array, line 2, column 8"],
    "shell: a\nresources:\n  memory: much\n": [
      /`resources.memory`/,
      "resources.memory, line 3, column 11",
    ],
    "shell: a\npriority: 1001\n": [/`priority`: got 1001/, "priority, line 2, column 11"],
    "run: { stop: {} }\n": [/`run.stop`: got \{\}/, "run.stop, line 1, column 14"],
  };
  for (const [text, [message, at]] of Object.entries(cases)) {
    const refused = refusal(text);
    assert.equal(refused.code, "INVALID_REQUEST", text);
    assert.match(refused.message, message);
    assert.equal(refused.at, at);
  }
  assert.match(refusal("shell: a\ntime: soon").hint, /'90s', '30m', '12h'/, "the form is told");
});

test("several wrong values are counted, and a long one is cut", () => {
  const refused = refusal(`shell: ${"x".repeat(10)}\ntasks: ${"y".repeat(500)}\npriority: z`);
  assert.match(refused.message, /\(and 1 more\)/);
  assert.ok(refused.message.length < 200);
});

test("a file that is no YAML is refused with line and column", () => {
  for (const text of [
    "shell: [a\nenv: 3",
    "shell: a\nshell: b",
    "shell: a\n---\nshell: b",
    "a: 'b",
  ]) {
    const refused = refusal(text);
    assert.equal(refused.code, "INVALID_YAML", text);
    assert.match(refused.at ?? "", /^line \d+, column \d+$/, text);
  }
});

test("aliases that lead nowhere or grow beyond reason are refused", () => {
  assert.equal(refusal("shell: *nothing").code, "INVALID_YAML");
  const row = (name: string, of: string): string =>
    `${name}: &${name} [${Array.from({ length: 9 }, () => of).join(",")}]\n`;
  const bomb = row("a", "x") + row("b", "*a") + row("c", "*b") + row("d", "*c");
  assert.equal(refusal(bomb).code, "INVALID_YAML");
});

test("what is no job at all is refused", () => {
  for (const text of ["", "- a\n- b", "17", "hello"]) {
    assert.equal(refusal(text).code, "INVALID_REQUEST", JSON.stringify(text));
  }
});

test("a job has exactly one thing to run, and a run is no array", () => {
  assert.match(senseless("name: a").message, /nothing to run/);
  assert.match(senseless("shell: a\ncommand: [b]").message, /more than one/);
  const three = "shell: a\ncommand: [b]\nrun: { stop: { rounds: 1 } }";
  assert.match(senseless(three).message, /more than one/);
  const run = senseless("run: { stop: { rounds: 1 } }\narray: 0-3");
  assert.deepEqual([run.code, run.at], ["INVALID_REQUEST", "array"]);
});

test("a time over 30 days and a command over its bound are refused", () => {
  assert.deepEqual(senseless("shell: a\ntime: 31d").code, "TOO_LARGE");
  assert.equal(accepted("shell: a\ntime: 30d").spec.walltimeMs, LIMITS.WALLTIME_MAX_MS);
  const long = senseless(`shell: ${"a".repeat(LIMITS.COMMAND_BYTES_MAX)}`);
  assert.deepEqual([long.code, long.at], ["TOO_LARGE", "command"]);
});

test("the nearest word is near, or there is none", () => {
  assert.equal(nearest("tme", ["time", "tasks"]), "time");
  assert.equal(nearest("TIME", ["time", "tasks"]), "time");
  assert.equal(nearest("x", ["time", "tasks"]), undefined);
  assert.equal(nearest("acceleratrs", ["accelerators", "array"]), "accelerators");
});

test("a file with lists or maps as names of fields is refused at once, however deep", () => {
  const startedMs = performance.now();
  const parsed = parseYaml(JobWire, `shell: a\n${"? ".repeat(700)}`);
  assert.equal(parsed.ok ? "" : parsed.code, "INVALID_YAML");
  assert.ok(performance.now() - startedMs < 2_000);
});

test("a value that goes in circles or is very deep is refused in words, not thrown", () => {
  const circle = parseYaml(JobWire, "shell: &a [*a]");
  assert.equal(circle.ok ? "" : circle.code, "INVALID_REQUEST");
  const deep = JSON.parse(`{"shell": ${"[".repeat(20_000)}${"]".repeat(20_000)}}`) as unknown;
  const parsed = parseWith(JobWire, deep);
  assert.equal(parsed.ok ? "" : parsed.code, "INVALID_REQUEST");
});

test("an unknown field with a name of a megabyte is refused at once", () => {
  const startedMs = performance.now();
  const parsed = parseWith(JobWire, { ["k".repeat(1_000_000)]: 1 });
  assert.ok(!parsed.ok && parsed.code === "UNKNOWN_FIELD" && parsed.message.length < 200);
  assert.ok(performance.now() - startedMs < 1_000);
});

test("a part of an accelerator is one GPU and thousandths of it", () => {
  const of = (text: string) =>
    accepted(`shell: a\nresources: { accelerators: ${text} }`).spec.groups[0]!.resources;
  const half = { accelerators: 1, partMilli: 500, milliCpu: 0, memoryMiB: 256 };
  assert.deepEqual(of("0.5"), half);
  assert.deepEqual(of("A100:0.5"), { ...half, model: "A100" });
  assert.equal(of("0.001").partMilli, 1);
  assert.equal(of("1").partMilli, undefined);
  for (const wrong of ["1.5", "0.0005", "A100:2.5", "-0.5", "0.99999"]) {
    const { code, at } = refusal(`shell: a\nresources: { accelerators: ${wrong} }`);
    assert.equal(code, "INVALID_REQUEST");
    assert.match(at ?? "", /^resources.accelerators/, wrong);
  }
  const processor = senseless("shell: a\nresources: { accelerators: 0.5, kind: cpu }");
  assert.match(processor.message, /part is one of a GPU/);
  const run = senseless("run: { stop: { rounds: 1 } }\nresources: { accelerators: 0.5 }");
  assert.match(run.message, /whole accelerators/);
});

test("a run's tokenizer decides on its vocabulary, and fits its model", () => {
  const runOf = (text: string) => accepted(`run: { stop: { rounds: 1 }, ${text} }`).spec.run!;
  const bpe = runOf("tokenizer: bpe-1024, model: { width: 64 }");
  assert.deepEqual([bpe.tokenizer, bpe.model.vocab, bpe.model.width], ["bpe-1024", 1024, 64]);
  const plain = runOf("tokenizer: bytes");
  assert.deepEqual([plain.tokenizer, plain.model.vocab], [undefined, 256]);
  const no = (text: string) => senseless(`run: { stop: { rounds: 1 }, ${text} }`);
  assert.equal(no("tokenizer: bpe-256").at, "run.tokenizer");
  assert.equal(no("tokenizer: bpe-65537").at, "run.tokenizer");
  assert.equal(no("tokenizer: bpe-1024, model: { vocab: 512 }").at, "run.model.vocab");
  assert.ok(refusal("run:\n  stop: { rounds: 1 }\n  tokenizer: words\n"));
});
