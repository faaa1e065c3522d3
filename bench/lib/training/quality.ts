// Equal sites against all-reduce over the same four: each has its own grid of inner rates, and the
// best of each is compared. Bytes are those of real messages.
import { type Codec, outerSettings } from "@tequio/core/training";
import { type Lab, trainAlone } from "./lab.ts";
import { type PooledResult, trainPooled } from "./pooled.ts";

export interface QualitySetting {
  readonly seed: number;
  readonly sites: number;
  readonly steps: number;
  readonly innerSteps: number;
  readonly codecUp: Codec;
  readonly codecDown: Codec;
  readonly rates: readonly number[];
  readonly peerRates: readonly number[];
}

export interface Quality {
  readonly ours: PooledResult & { readonly rate: number };
  readonly peer: { readonly loss: number; readonly rate: number };
  /** ours / peer - 1. */
  readonly gap: number;
  readonly grid: unknown;
}

const BATCH_OF_SITE = 16;

/** Trains with every rate of both grids. */
export async function measureQuality(lab: Lab, setting: QualitySetting): Promise<Quality> {
  const { seed, sites, steps, innerSteps, codecUp, codecDown, rates, peerRates } = setting;
  const rounds = Math.ceil(steps / innerSteps);
  const ours = [];
  for (const rate of rates) {
    const outer = (progress: number) => outerSettings(innerSteps, rounds, progress);
    const run = { seed, sites, steps, innerSteps, rate, codecUp, codecDown, outer };
    ours.push({ rate, ...(await trainPooled(lab, run)) });
  }
  const peers = [];
  for (const rate of peerRates) {
    const loss = await trainAlone(lab, seed, { batch: sites * BATCH_OF_SITE, steps, rate });
    peers.push({ rate, loss });
  }
  const best = least(ours);
  const peer = least(peers);
  const grid = { ours: ours.map(lossOf), peer: peers.map(lossOf) };
  return { ours: best, peer, gap: best.loss / peer.loss - 1, grid };
}

const lossOf = ({ rate, loss }: { readonly rate: number; readonly loss: number }) => ({
  rate,
  loss,
});

/** The run with the least loss; there is at least one. */
function least<T extends { readonly loss: number }>(runs: readonly T[]): T {
  return runs.reduce((best, run) => (run.loss < best.loss ? run : best));
}
