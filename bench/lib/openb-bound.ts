// The bound of protocol A: no policy that accepts all pods without accelerators allocates more.
// The linear program of the reference page over kinds of nodes and classes of pods, written as
// text and given to HiGHS. It may choose whom to turn away, and sees all arrivals at once.
import type { NodeShape, Request } from "@tequio/core/scheduler";
import type { OpenbArrivals } from "@tequio/core/simulator";

const WHOLE = 1_000;
/** Longest line of the program's text; its reader takes no longer ones. */
const LINE_CHARACTERS_MAX = 400;

/** The little of HiGHS that is used. */
interface Highs {
  readonly solve: (program: string) => {
    readonly Status: string;
    readonly ObjectiveValue: number;
  };
}

interface Kind extends NodeShape {
  count: number;
}

interface PodClass extends Request {
  count: number;
}

/** Loads the solver: it is needed for the bound alone, so it is not loaded with the benchmark. */
async function loadHighs(): Promise<Highs> {
  const solver: string = "highs";
  const module = (await import(solver)) as { default: () => Promise<Highs> };
  return await module.default();
}

/** Allocated at most when 100 % have arrived, in per cent of all accelerators. */
export async function openbBound(
  nodes: readonly NodeShape[],
  pods: readonly Request[],
  arrivals: OpenbArrivals,
): Promise<number> {
  const kinds = counted(nodes);
  const whole = nodes.reduce((sum, { accelerators }) => sum + accelerators * WHOLE, 0);
  const arrived: Request[] = [];
  let milli = 0;
  for (const index of arrivals.pods) {
    const pod = pods[index]!;
    milli += pod.accelerators * pod.milli;
    if (milli > whole) break;
    arrived.push(pod);
  }
  const highs = await loadHighs();
  const { Status, ObjectiveValue } = highs.solve(programOf(kinds, counted(arrived)));
  if (Status !== "Optimal") throw new Error(`The bound was not found: HiGHS says ${Status}.`);
  return (100 * ObjectiveValue) / whole;
}

/** Equal rows once, with their number. */
function counted<T extends object>(rows: readonly T[]): readonly (T & { count: number })[] {
  const found = new Map<string, T & { count: number }>();
  for (const row of rows) {
    const key = JSON.stringify(row);
    const one = found.get(key) ?? { ...row, count: 0 };
    one.count += 1;
    found.set(key, one);
  }
  return [...found.values()];
}

const isShared = ({ accelerators, milli }: Request): boolean => accelerators === 1 && milli < WHOLE;

/** The program in the LP format: `x` pods of a class on a kind, `y` accelerators in a pattern. */
function programOf(kinds: readonly Kind[], classes: readonly PodClass[]): string {
  const sizes = [...new Set(classes.filter(isShared).map(({ milli }) => milli))];
  sizes.sort((a, b) => b - a);
  const patterns = patternsOf(sizes);
  const goal: string[] = [];
  const rows: string[] = [];
  const onKind = kinds.map(() => [] as { readonly name: string; readonly pod: PodClass }[]);
  for (const [c, pod] of classes.entries()) {
    const names: string[] = [];
    for (const [k, kind] of kinds.entries()) {
      if (!couldHold(kind, pod)) continue;
      const name = `x${c}_${k}`;
      names.push(name);
      onKind[k]!.push({ name, pod });
      if (pod.accelerators > 0) goal.push(`${pod.accelerators * pod.milli} ${name}`);
    }
    const relation = pod.accelerators === 0 ? "=" : "<=";
    if (names.length > 0) rows.push(`${names.join(" + ")} ${relation} ${pod.count}`);
  }
  for (const [k, kind] of kinds.entries()) rows.push(...rowsOf(kind, k, onKind[k]!, patterns));
  const text = [`obj: ${goal.join(" + ")}`, ...rows.map((row, at) => `c${at}: ${row}`)].map(
    wrapped,
  );
  return `Maximize\n${text[0]}\nSubject To\n${text.slice(1).join("\n")}\nEnd\n`;
}

function couldHold(kind: Kind, pod: PodClass): boolean {
  if (pod.models !== "" && !pod.models.split("|").includes(kind.model)) return false;
  if (pod.milliCpu > kind.milliCpu || pod.memoryMiB > kind.memoryMiB) return false;
  return pod.accelerators <= kind.accelerators;
}

interface Patterns {
  readonly sizes: readonly number[];
  /** How often each size is in each pattern. */
  readonly all: readonly (readonly number[])[];
}

/** What all nodes of one kind together can hold. */
function rowsOf(
  kind: Kind,
  k: number,
  pods: readonly { readonly name: string; readonly pod: PodClass }[],
  { sizes, all }: Patterns,
): readonly string[] {
  const rows: string[] = [];
  const sum = (of: (pod: PodClass) => number, most: number): void => {
    const terms = pods.filter(({ pod }) => of(pod) > 0).map((x) => `${of(x.pod)} ${x.name}`);
    if (terms.length > 0) rows.push(`${terms.join(" + ")} <= ${most * kind.count}`);
  };
  sum(({ milliCpu }) => milliCpu, kind.milliCpu);
  sum(({ memoryMiB }) => memoryMiB, kind.memoryMiB);
  const shared = pods.filter(({ pod }) => isShared(pod));
  const whole = pods.filter(({ pod }) => pod.accelerators > 0 && !isShared(pod));
  const used = shared.length === 0 ? [] : all.map((_, q) => `y${q}_${k}`);
  const terms = [...whole.map(({ name, pod }) => `${pod.accelerators} ${name}`), ...used];
  if (terms.length > 0) rows.push(`${terms.join(" + ")} <= ${kind.accelerators * kind.count}`);
  for (const [at, size] of sizes.entries()) {
    const wanting = shared.filter(({ pod }) => pod.milli === size).map(({ name }) => name);
    if (wanting.length === 0) continue;
    const places = all.flatMap((pattern, q) =>
      pattern[at]! > 0 ? [`- ${pattern[at]} y${q}_${k}`] : [],
    );
    rows.push(`${wanting.join(" + ")} ${places.join(" ")} <= 0`);
  }
  return rows;
}

/** Combinations of shared sizes that fit one accelerator and to which no further one fits. */
function patternsOf(sizes: readonly number[]): Patterns {
  const all: number[][] = [];
  const smallest = sizes.at(-1) ?? WHOLE;
  const fill = (at: number, left: number, pattern: readonly number[]): void => {
    if (at === sizes.length) {
      if (left < smallest) all.push([...pattern]);
      return;
    }
    for (let times = Math.floor(left / sizes[at]!); times >= 0; times -= 1) {
      fill(at + 1, left - times * sizes[at]!, [...pattern, times]);
    }
  };
  fill(0, WHOLE, []);
  return { sizes, all };
}

const wrapped = (line: string): string =>
  line.replace(new RegExp(`(.{1,${LINE_CHARACTERS_MAX}}) (?=[+-] )`, "g"), "$1\n ");
