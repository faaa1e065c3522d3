// One example for each field of a job file, and words for those that the contract leaves without.
// The generator stops when a field has no entry here, or an entry has no field.

/** What the page of the job file adds to the schema. */
export interface FieldNote {
  /** One field as YAML, in its place in the file. */
  readonly example: string;
  readonly about?: string;
}

const resources = (line: string): string => `resources: { ${line} }`;
const run = (line: string): string => `run: { ${line}, stop: { rounds: 10 } }`;
const model = (line: string): string => run(`model: { ${line} }`);
const script = (line: string): string => `command: [./train]\n${run(line)}`;
const own = (line: string): string => script(`own: { parameters: 161, ${line} }`);

/** By the field's dotted name. */
export const FIELD_NOTES: Readonly<Record<string, FieldNote>> = {
  name: { example: "name: sweep" },
  project: { example: "project: default" },
  command: { example: 'command: ["python3", "train.py", "--epochs", "3"]' },
  shell: { example: "shell: python3 train.py > result.txt" },
  env: { example: 'env: { SEED: "7" }' },
  tasks: { example: "tasks: 4" },
  tasksMin: { example: "tasksMin: 2" },
  resources: { example: "resources: { cpus: 2, memory: 4GB }", about: "What each task needs" },
  "resources.accelerators": { example: resources("accelerators: 2") },
  "resources.kind": { example: resources("accelerators: 1, kind: gpu") },
  "resources.vendor": { example: resources("accelerators: 1, vendor: AMD") },
  "resources.model": { example: resources("accelerators: 1, model: H100") },
  "resources.acceleratorMemory": { example: resources("accelerators: 1, acceleratorMemory: 40GB") },
  "resources.cpus": {
    example: resources("cpus: 1.5"),
    about: "Processor cores; fractions are fine; default: 1, or 0 with an accelerator",
  },
  "resources.memory": { example: resources("memory: 16GB"), about: "Main memory; default: 256M" },
  "resources.disk": { example: resources("disk: 200GB") },
  "resources.processes": { example: resources("processes: 20000") },
  members: { example: "members: [uni-lab, startup]" },
  excludeMembers: { example: "excludeMembers: [attic]", about: "Any member but these" },
  labels: { example: "labels: { disk: ssd }" },
  serve: { example: 'serve: "3"' },
  prefer: { example: "prefer: cheap" },
  priority: { example: "priority: 200", about: "A higher one goes first" },
  preemptible: { example: "preemptible: true" },
  requeue: { example: "requeue: false" },
  time: { example: "time: 2h", about: "Time limit; a number is minutes; default: one day" },
  deadline: {
    example: "deadline: 2026-12-01T18:00Z",
    about:
      "When it must have ended: a duration from its submission on, or a moment with its zone; " +
      "what cannot end in time any more does not begin",
  },
  array: { example: "array: 0-15%4" },
  after: { example: 'after: ["afterok:17"]' },
  run: { example: "run: { stop: { minutes: 10 } }" },
  "run.model": { example: model("width: 208, layers: 2"), about: "Shape of the GPT on bytes" },
  "run.model.vocab": { example: model("vocab: 256"), about: "Tokens; 256 for bytes" },
  "run.model.context": { example: model("context: 64"), about: "Tokens of a window" },
  "run.model.width": { example: model("width: 208"), about: "Width; a multiple of `heads`" },
  "run.model.layers": { example: model("layers: 2"), about: "Blocks" },
  "run.model.heads": { example: model("heads: 4"), about: "Attention heads" },
  "run.corpus": { example: run("corpus: /data/book.txt") },
  "run.optimiser": { example: run("optimiser: muon") },
  "run.tokenizer": { example: run("tokenizer: bpe-4096") },
  "run.own": { example: own("windows: 50000") },
  "run.own.parameters": { example: own("windows: 50000") },
  "run.own.windows": { example: own("windows: 50000") },
  "run.own.layout": { example: own(`windows: 50000, layout: "sha256:${"ab".repeat(32)}"`) },
  "run.commandOn": { example: script("commandOn: { torch: 'yes' }") },
  "run.seed": { example: run("seed: 7"), about: "Seed of the first weights and of the data order" },
  "run.stop": {
    example: "run: { stop: { minutes: 10, rounds: 100 } }",
    about: "The run ends at the first of these that is reached; at least one is given",
  },
  "run.stop.minutes": {
    example: "run: { stop: { minutes: 10 } }",
    about: "Minutes from the first round on, the warm-up included; pauses do not count",
  },
  "run.stop.rounds": { example: "run: { stop: { rounds: 40 } }", about: "Merged rounds" },
  "run.stop.tokens": { example: "run: { stop: { tokens: 5000000 } }", about: "Tokens trained" },
  "run.innerSteps": {
    example: run("innerSteps: 40"),
    about: "Steps between two exchanges; default: chosen from the links and the speeds",
  },
  "run.referenceBatch": {
    example: run("referenceBatch: 8"),
    about: "Batch of the fastest site, which sets the length of a round",
  },
  "run.maxBatch": { example: run("maxBatch: 16"), about: "Largest batch of any site" },
  "run.learningRate": { example: run("learningRate: 0.002"), about: "Peak of the cosine" },
  "run.warmUpSteps": {
    example: run("warmUpSteps: 100"),
    about: "Steps that one site trains alone first; 0: none",
  },
  "run.codecUp": {
    example: run("codecUp: ternary"),
    about:
      "How contributions travel; default: by each site's measured link and the model's size. " +
      "`ternary1` is `ternary` in half the bytes; `topk…` keeps the largest values only and is " +
      "for models above 100 M parameters",
  },
  "run.codecDown": { example: run("codecDown: int8"), about: "How steps travel; default: int8" },
  "run.maxMembers": { example: run("maxMembers: 3"), about: "Most sites that take part" },
};
