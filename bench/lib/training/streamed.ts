// A pooled run over links so slow that an exchange takes many steps: what sites do meanwhile, and
// in how many fragments the vector of parameters goes. Training, codec, gate and outer step are
// the product's; time is counted in steps of a site, and sites do their steps one after another.
import {
  aggregate,
  type Codec,
  decode,
  difference,
  downlinkStep,
  encodeWithFeedback,
  type OuterState,
  outerSettings,
} from "@tequio/core/training";
import { BATCH, type Lab, type LabSite, openSite, type Probe, rateAt, stretchOf } from "./lab.ts";

export interface StreamedSetting {
  readonly seed: number;
  readonly sites: number;
  /** Wall-clock, in steps of a site. */
  readonly steps: number;
  /** H: steps between two exchanges of the same parameter, those meanwhile not counted. */
  readonly innerSteps: number;
  /** Steps for which an exchange of all parameters keeps the link. */
  readonly exchangeSteps: number;
  /** Most steps that a site trains on meanwhile, as a share of its stretch. */
  readonly carryShare: number;
  /** Parts of the vector, exchanged one after another; 1: as a whole. */
  readonly fragments: number;
  readonly rate: number;
  readonly codecUp: Codec;
  readonly codecDown: Codec;
}

export interface StreamedResult {
  readonly loss: number;
  /** Steps of a site over the wall-clock. */
  readonly utilisation: number;
  readonly rounds: number;
}

interface Site extends LabSite {
  /** Its own model now, and what coding has left out. */
  model: Float32Array;
  readonly residual: Float32Array;
}

interface Pool {
  readonly exact: Float32Array;
  readonly momentum: Float32Array;
  readonly copy: Float32Array;
}

const GATE = { seed: 5, batches: 2 };

/** Trains as the setting says; the loss is that of the model that all sites hold at the end. */
export async function trainStreamed(lab: Lab, setting: StreamedSetting): Promise<StreamedResult> {
  const { fragments, innerSteps, exchangeSteps, steps, rate } = setting;
  const start = lab.start.parameters;
  const gate = lab.probe(lab.heldOut, GATE.seed, GATE.batches);
  const sites = Array.from({ length: setting.sites }, (_, site): Site => {
    const residual = new Float32Array(start.length);
    return { ...openSite(lab, setting.seed, site), model: start.slice(), residual };
  });
  const momentum = new Float32Array(start.length);
  const pool: Pool = { exact: start.slice(), momentum, copy: start.slice() };
  const stretch = innerSteps / fragments;
  const waitSteps = exchangeSteps / fragments;
  const carried = Math.min(waitSteps, Math.floor(setting.carryShare * stretch));
  const rounds = Math.floor(steps / (stretch + waitSteps));
  for (let round = 0; round < rounds; round += 1) {
    const at = round * (stretch + waitSteps);
    const rates = {
      lrStart: rateAt(rate, at, steps),
      lrEnd: rateAt(rate, at + stretch + waitSteps, steps),
    };
    const part = partOf(start.length, fragments, round % fragments);
    const sent: Float32Array[] = [];
    for (const site of sites) {
      site.model = await trained(lab, site, stretch, rates);
      sent.push(site.model.slice(...part));
      if (carried > 0) site.model = await trained(lab, site, carried, rates);
    }
    const settings = outerSettings(
      innerSteps,
      rounds / fragments,
      (round + 1) / rounds,
      lab.optimiser,
    );
    await exchange(gate, setting, pool, { sites, sent, part, settings });
  }
  for (const { trainee } of sites) await trainee.release();
  const utilisation = (rounds * (stretch + carried)) / steps;
  return { loss: await lab.loss(pool.copy), utilisation, rounds };
}

type Part = readonly [from: number, to: number];

const partOf = (length: number, fragments: number, index: number): Part => [
  Math.floor((length * index) / fragments),
  Math.floor((length * (index + 1)) / fragments),
];

async function trained(
  lab: Lab,
  site: Site,
  steps: number,
  rates: { readonly lrStart: number; readonly lrEnd: number },
): Promise<Float32Array> {
  const end = await stretchOf(lab, site, { from: site.model, steps, batch: BATCH, ...rates });
  if (end === null) throw new Error("training diverged");
  return end;
}

interface Sent {
  readonly sites: readonly Site[];
  /** A fragment of each site's model as it was when it was sent. */
  readonly sent: readonly Float32Array[];
  readonly part: Part;
  readonly settings: ReturnType<typeof outerSettings>;
}

/** Codes, merges and hands out one fragment; each site adds to it what it learned meanwhile. */
async function exchange(
  gate: Probe,
  { codecUp, codecDown }: StreamedSetting,
  { exact, momentum, copy }: Pool,
  { sites, sent, part, settings }: Sent,
): Promise<void> {
  const entries = sites.map((site, index) => {
    const delta = difference(copy.subarray(...part), sent[index]!);
    const coded = encodeWithFeedback(codecUp, delta, site.residual.subarray(...part));
    site.residual.set(coded.residual, part[0]);
    const decoded = decode(coded.bytes);
    const name = `site-${index}`;
    const entry = { contributionId: name, siteId: name, weight: BATCH };
    return { ...entry, delta: decoded.ok ? decoded.value : decoded };
  });
  const state: OuterState = {
    model: exact.slice(...part),
    momentum: momentum.slice(...part),
  };
  const work = aggregate({ state, settings, entries });
  const tried = exact.slice();
  let asked = work.next();
  while (asked.done !== true) {
    tried.set(asked.value, part[0]);
    asked = work.next(await gate(tried));
  }
  exact.set(asked.value.model, part[0]);
  momentum.set(asked.value.momentum, part[0]);
  const before = copy.slice(...part);
  const after = downlinkStep(codecDown, exact.subarray(...part), before).sitesCopy;
  copy.set(after, part[0]);
  for (const [index, site] of sites.entries()) {
    for (let i = part[0]; i < part[1]; i += 1) {
      const carry = site.model[i]! - sent[index]![i - part[0]]!;
      site.model[i] = copy[i]! + carry;
    }
  }
}
