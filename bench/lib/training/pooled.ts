// A pooled run, its sites one after another in one process, by the very arithmetic of the product:
// codec with error feedback, clip, gate, outer step, coded way down. Time, links and the round
// machine are not simulated: each round has the contributions that the setting says.
import {
  type AggregateEntry,
  type AggregateRow,
  aggregate,
  type Codec,
  codedBytes,
  decode,
  difference,
  downlinkStep,
  encodeWithFeedback,
  gateSteps,
  type OuterSettings,
  type OuterState,
} from "@tequio/core/training";
import type { Text } from "@tequio/trainer";
import { BAD_SITES, type BadKind, type Turn } from "./bad.ts";
import { BATCH, type Lab, type LabSite, openSite, type Probe, rateAt, stretchOf } from "./lab.ts";
import type { Watch } from "./watch.ts";

/** How a pooled run is done. */
export interface PooledSetting {
  readonly seed: number;
  readonly sites: number;
  /** Inner steps of a site over the whole run. */
  readonly steps: number;
  readonly innerSteps: number;
  /** Highest inner rate. */
  readonly rate: number;
  readonly codecUp: Codec;
  readonly codecDown: Codec;
  readonly outer: (progress: number) => OuterSettings;
  /** Rows of a batch and steps of a round of each site; equal ones without. */
  readonly sizes?: readonly { readonly batch: number; readonly steps: number }[];
  /** What a site trains on; all of the text without. */
  readonly texts?: readonly Text[];
  readonly bad?: ReadonlyMap<number, BadKind>;
  /** The run is over after so many steps' tokens of all sites, instead of so many rounds'. */
  readonly byTokens?: boolean;
  /** Steps of each site while its contribution is merged, carried into its next stretch. */
  readonly carried?: number;
  /** Whether a site takes part in a round. */
  readonly takesPart?: (round: number, site: number) => boolean;
  /** Without it everybody counts. */
  readonly watch?: Watch;
  readonly onRound?: (round: RoundSeen) => void;
}

/** What is to be told of one merge. */
export interface RoundSeen {
  readonly round: number;
  readonly rows: readonly AggregateRow[];
  readonly entries: readonly AggregateEntry[];
  /** How far the gate tried each of the rows. */
  readonly steps: readonly number[];
  readonly model: Float32Array;
}

/** What came of it. */
export interface PooledResult {
  readonly loss: number;
  /** Bytes of one site up and down, mean of those that took part. */
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** steps x 4 N / bytes up: how many times less than fp32 gradients at every step. */
  readonly byteFactor: number;
}

interface Site extends LabSite {
  residual: Float32Array;
  /** What it learned while its last contribution was merged. */
  carry: Float32Array | undefined;
  readonly turn: Turn | undefined;
}

/** The gate's batches of the reference: seed 5, two of 16 windows. */
const GATE = { seed: 5, batches: 2 };
const FP32_BYTES = 4;

/** Trains as the setting says and gives the held-out loss of the model that all sites hold. */
export async function trainPooled(lab: Lab, setting: PooledSetting): Promise<PooledResult> {
  const parameters = lab.start.parameters.length;
  const gate = lab.probe(lab.heldOut, GATE.seed, GATE.batches);
  const sites = Array.from({ length: setting.sites }, (_, site): Site => {
    const kind = setting.bad?.get(site);
    const turn = kind === undefined ? undefined : BAD_SITES[kind](setting.seed + site);
    const residual = new Float32Array(parameters);
    return {
      ...openSite(lab, setting.seed, site, setting.texts?.[site]),
      residual,
      turn,
      carry: undefined,
    };
  });
  let outer: OuterState = {
    model: lab.start.parameters,
    momentum: new Float32Array(parameters),
  };
  let copy = lab.start.parameters;
  let offered = 0;
  let rounds = 0;
  for (let step = 0; step < setting.steps; rounds += 1) {
    const innerSteps = Math.ceil(Math.min(setting.innerSteps, setting.steps - step));
    const entries: AggregateEntry[] = [];
    for (const [index, site] of sites.entries()) {
      if (setting.takesPart?.(rounds, index) === false) continue;
      const entry = await contribution(lab, setting, site, index, { copy, step, innerSteps });
      if (entry !== null) entries.push(entry);
    }
    offered += entries.length;
    step += innerSteps * (setting.byTokens ? entries.length / setting.sites : 1);
    const settings = setting.outer(step / setting.steps);
    const merged = await merge(gate, outer, settings, entries);
    outer = merged;
    copy = downlinkStep(setting.codecDown, outer.model, copy).sitesCopy;
    const weights = merged.rows.map(
      ({ contributionId }) => entries.find((one) => one.contributionId === contributionId)!.weight,
    );
    setting.watch?.see(rounds, merged.rows, weights);
    setting.onRound?.({
      ...{
        round: rounds,
        entries,
        rows: merged.rows,
        steps: gateSteps(weights),
        model: outer.model,
      },
    });
  }
  for (const { trainee } of sites) await trainee.release();
  const bytesUp = (offered / setting.sites) * codedBytes(setting.codecUp, parameters);
  return {
    loss: await lab.loss(copy),
    bytesUp,
    bytesDown: rounds * codedBytes(setting.codecDown, parameters),
    byteFactor: (setting.steps * FP32_BYTES * parameters) / bytesUp,
  };
}

interface Place {
  /** The model that all sites hold. */
  readonly copy: Float32Array;
  readonly step: number;
  readonly innerSteps: number;
}

async function contribution(
  lab: Lab,
  setting: PooledSetting,
  site: Site,
  index: number,
  { copy, step, innerSteps }: Place,
): Promise<AggregateEntry | null> {
  const { batch, steps } = setting.sizes?.[index] ?? { batch: BATCH, steps: innerSteps };
  const lrEnd = rateAt(setting.rate, step + innerSteps, setting.steps);
  const spoil = site.turn === undefined ? {} : { spoil: site.turn.batch };
  const end = await stretchOf(lab, site, {
    ...{ from: site.carry === undefined ? copy : sum(copy, site.carry), steps, batch },
    ...{ lrStart: rateAt(setting.rate, step, setting.steps), lrEnd, ...spoil },
  });
  if (end === null) return null;
  // A site whose stretches are shorter since it is slower does fewer steps meanwhile, too.
  const carried = Math.round((setting.carried ?? 0) * (steps / innerSteps));
  if (carried > 0) {
    const rates = { lrStart: lrEnd, lrEnd };
    const now = await stretchOf(lab, site, {
      from: end,
      steps: carried,
      batch,
      ...rates,
      ...spoil,
    });
    site.carry = now === null ? undefined : difference(now, end);
  }
  const honest = difference(copy, end);
  const sent = site.turn?.delta(honest, copy) ?? honest;
  const contributionId = `site-${index}`;
  const weight = setting.watch?.counts(contributionId) === false ? 0 : batch * steps;
  const base = { contributionId, siteId: contributionId, weight };
  if (!sent.every(Number.isFinite)) {
    const message = "A value is not finite.";
    return { ...base, delta: { ok: false, code: "CODEC_INVALID", message, hint: "" } };
  }
  const coded = encodeWithFeedback(setting.codecUp, sent, site.residual);
  site.residual = coded.residual;
  const delta = decode(coded.bytes);
  return { ...base, delta: delta.ok ? delta.value : delta };
}

const sum = (a: Float32Array, b: Float32Array): Float32Array => a.map((x, i) => x + b[i]!);

async function merge(
  gate: Probe,
  state: OuterState,
  settings: OuterSettings,
  entries: readonly AggregateEntry[],
) {
  const work = aggregate({ state, settings, entries });
  let asked = work.next();
  while (asked.done !== true) asked = work.next(await gate(asked.value));
  return asked.value;
}
