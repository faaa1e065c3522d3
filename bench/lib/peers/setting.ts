// What all methods of bench/peers.ts share: sites and their speeds, links, model, time; and the
// programs that one site runs. Each method's own settings stand in `METHODS`, the grid beside them.
import type { ModelConfig } from "@tequio/trainer";

export interface Setting {
  /** Cores of each site's processes. */
  readonly speeds: readonly number[];
  /** Milliseconds one way, of a site's packets to anywhere. */
  readonly delayMs: number;
  /** Of each site's line, in each direction; the hub's has no limit. */
  readonly mbitPerS: number;
  readonly model: ModelConfig;
  readonly referenceBatch: number;
  /** Wall-clock that every method has, from its first step. */
  readonly seconds: number;
  readonly seed: number;
  readonly python: string;
}

/** How a peer divides the work of a round among unequal sites. */
export interface Method {
  /** What `site.py --method` takes. */
  readonly program: string;
  /** Words for the report. */
  readonly is: string;
  readonly sites: "fastest" | "all";
  readonly hub?: string;
  /** Rows of each site in a batch. */
  readonly batches: (setting: Setting) => readonly number[];
  /** Inner steps of each site in a round; undefined where every step is exchanged. */
  readonly steps?: (setting: Setting) => readonly number[];
  readonly outer?: { readonly rate: number; readonly momentum: number };
}

/** Inner steps of a round for the fastest site, as our run has them. */
const INNER_STEPS = 30;

const equalBatches = ({ speeds, referenceBatch }: Setting): readonly number[] =>
  speeds.map(() => referenceBatch);
const fastest = ({ speeds }: Setting): number => Math.max(...speeds);
const batchesBySpeed = (setting: Setting): readonly number[] =>
  setting.speeds.map((speed) =>
    Math.max(1, Math.round((setting.referenceBatch * speed) / fastest(setting))),
  );
const equalSteps = ({ speeds }: Setting): readonly number[] => speeds.map(() => INNER_STEPS);
const stepsBySpeed = (setting: Setting): readonly number[] =>
  setting.speeds.map((speed) => Math.max(1, Math.round((INNER_STEPS * speed) / fastest(setting))));

/** Published outer settings: OpenDiLoCo's 0.7 / 0.9; Flower's FedAvg is FedAvgM with 1 and 0. */
export const METHODS: Readonly<Record<string, Method>> = {
  alone: {
    program: "alone",
    is: "the fastest site by itself, AdamW",
    sites: "fastest",
    batches: equalBatches,
  },
  ddp: {
    program: "ddp",
    is: "PyTorch DistributedDataParallel over gloo, the same batch everywhere",
    sites: "all",
    batches: equalBatches,
  },
  "ddp-by-speed": {
    program: "ddp",
    is: "the same, with batches in proportion to speed",
    sites: "all",
    batches: batchesBySpeed,
  },
  diloco: {
    program: "diloco",
    is: "OpenDiLoCo's method (wait for all, fp16, Nesterov 0.7 / 0.9)",
    sites: "all",
    batches: equalBatches,
    steps: equalSteps,
    outer: { rate: 0.7, momentum: 0.9 },
  },
  "diloco-dylu": {
    program: "diloco",
    is: "the same with steps in proportion to speed (DyLU)",
    sites: "all",
    batches: equalBatches,
    steps: stepsBySpeed,
    outer: { rate: 0.7, momentum: 0.9 },
  },
  hivemind: {
    program: "hivemind",
    is: "hivemind.Optimizer with local updates, states averaged in fp16",
    sites: "all",
    batches: equalBatches,
    steps: stepsBySpeed,
  },
  flower: {
    program: "flower",
    is: "Flower, FedAvg, the same steps everywhere",
    sites: "all",
    hub: "flower-hub",
    batches: equalBatches,
    steps: equalSteps,
    outer: { rate: 1, momentum: 0 },
  },
  "flower-by-speed": {
    program: "flower",
    is: "Flower, FedAvg weighted by tokens, steps in proportion to speed",
    sites: "all",
    hub: "flower-hub",
    batches: equalBatches,
    steps: stepsBySpeed,
    outer: { rate: 1, momentum: 0 },
  },
};

/** Network namespace of a site (from 0), and of the hub. */
export const namespaceOf = (site: number): string => `tq${site + 1}`;
export const HUB_NAMESPACE = "tq0";
export const HUB_ADDRESS = "10.88.0.1";
export const addressOf = (site: number): string => `10.88.0.${site + 2}`;

/** Runs a command inside a namespace. */
export const within = (namespace: string, command: readonly string[]): readonly string[] => [
  "ip",
  "netns",
  "exec",
  namespace,
  ...command,
];
