// Equal sites against all-reduce over the same four: each has its own grid of inner rates, and the
// best of each is compared. All-reduce is measured with AdamW, as published, and with the sites'
// own optimiser too. Bytes are those of real messages.
import { type Codec, type InnerOptimiser, outerSettings } from "@tequio/core/training";
import { type Lab, trainAlone } from "./lab.ts";
import { type PooledResult, trainPooled } from "./pooled.ts";

/** How often the sites exchange, and as what: what the bytes follow from. */
export interface QualityPoint {
  readonly innerSteps: number;
  readonly codecUp: Codec;
}

export interface QualitySetting {
  readonly seed: number;
  readonly sites: number;
  readonly steps: number;
  readonly points: readonly QualityPoint[];
  readonly codecDown: Codec;
  readonly rates: readonly number[];
  /** Rates of all-reduce with each optimiser that it is measured with. */
  readonly peers: Readonly<Partial<Record<InnerOptimiser, readonly number[]>>>;
}

interface Trained {
  readonly loss: number;
  readonly rate: number;
}

/** One point against one peer. */
export interface Quality {
  readonly point: QualityPoint;
  readonly ours: PooledResult & Trained;
  readonly peer: Trained & { readonly optimiser: InnerOptimiser };
  /** ours / peer - 1. */
  readonly gap: number;
  readonly grid: { readonly ours: readonly Trained[]; readonly peer: readonly Trained[] };
}

const BATCH_OF_SITE = 16;

/** Trains all-reduce with every rate of its grids, and then each point with every rate of ours. */
export async function* measureQuality(lab: Lab, setting: QualitySetting): AsyncGenerator<Quality> {
  const { seed, sites, steps, points, codecDown, rates, peers } = setting;
  const grids: { readonly optimiser: InnerOptimiser; readonly runs: readonly Trained[] }[] = [];
  for (const [name, peerRates] of Object.entries(peers)) {
    const optimiser = name as InnerOptimiser;
    const runs: Trained[] = [];
    for (const rate of peerRates) {
      const run = { batch: sites * BATCH_OF_SITE, steps, rate };
      runs.push({ rate, loss: await trainAlone({ ...lab, optimiser }, seed, run) });
    }
    grids.push({ optimiser, runs });
  }
  for (const point of points) {
    const { innerSteps, codecUp } = point;
    const rounds = Math.ceil(steps / innerSteps);
    const outer = (progress: number) => outerSettings(innerSteps, rounds, progress, lab.optimiser);
    const runs: (PooledResult & Trained)[] = [];
    for (const rate of rates) {
      const run = { seed, sites, steps, innerSteps, rate, codecUp, codecDown, outer };
      runs.push({ rate, ...(await trainPooled(lab, run)) });
    }
    const ours = least(runs);
    for (const { optimiser, runs: peerRuns } of grids) {
      const peer = { optimiser, ...least(peerRuns) };
      const grid = { ours: runs.map(({ rate, loss }) => ({ rate, loss })), peer: peerRuns };
      yield { point, ours, peer, gap: ours.loss / peer.loss - 1, grid };
    }
  }
}

/** The run with the least loss; there is at least one. */
function least<T extends Trained>(runs: readonly T[]): T {
  return runs.reduce((best, run) => (run.loss < best.loss ? run : best));
}
