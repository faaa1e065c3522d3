// The lineage of a run's newest model, from the state: who put how much into it, what was refused,
// and which models it goes back to. Pure; signing is left to the key.
import { LINEAGE_VERSION, type LineageCard } from "@tequio/contract";
import type { JobState, RunState, State } from "@tequio/core/controller";
import { newestRound } from "../run-models.ts";

type Owner = LineageCard["owners"][number];

/** The card of the newest model. Parts count as far as they were judged, merged or not. */
export function lineageCard(state: State, job: JobState, run: RunState): LineageCard {
  const { machine } = run;
  const spec = job.spec.run!;
  const { from } = spec;
  const heldOutLoss = run.rounds.at(-1)?.heldOutLoss ?? run.lossBefore;
  const parents = from === undefined ? [] : [from, ...from.before];
  return {
    version: LINEAGE_VERSION,
    ...{ poolId: state.poolId, pool: state.name, runId: job.jobId },
    ...{ name: job.spec.name, project: job.spec.project },
    ...{ round: newestRound(run), digest: machine.model.digest },
    ...{ parameters: machine.config.parameters, model: spec.model },
    ...{ corpus: spec.corpus, windows: machine.config.data.windows, seed: spec.seed },
    tokens: machine.tokensMerged + machine.warmUpTokens,
    ...(heldOutLoss === null ? {} : { heldOutLoss }),
    startedAtMs: run.startedAtMs,
    madeAtMs: run.rounds.at(-1)?.mergedAtMs ?? run.startedAtMs,
    owners: ownersOf(state, run),
    parents: parents.map(({ runId, round, digest }) => ({ runId, round, digest })),
  };
}

/** One row for each owner that took part, by name. */
function ownersOf(state: State, { booked, refusals = {} }: RunState): Owner[] {
  const sites = [...new Set([...Object.keys(booked), ...Object.keys(refusals)])];
  const byMember = Map.groupBy(sites, (siteId) => state.sites.get(siteId)?.member ?? siteId);
  const rows = [...byMember].map(([member, ids]): Owner => {
    const totals = ids.flatMap((id) => booked[id] ?? []);
    const sum = (of: (one: (typeof totals)[number]) => number): number =>
      totals.reduce((all, one) => all + of(one), 0);
    const refused: Record<string, number> = {};
    for (const id of ids) {
      for (const [code, count] of Object.entries(refusals[id] ?? {})) {
        refused[code] = (refused[code] ?? 0) + count;
      }
    }
    return {
      member,
      rounds: sum((one) => one.roundsMerged),
      tokens: sum((one) => one.tokensMerged),
      computeMs: sum((one) => one.computeMs),
      bytesUp: sum((one) => one.bytesUp),
      bytesDown: sum((one) => one.bytesDown),
      refused,
    };
  });
  return rows.sort((a, b) => (a.member < b.member ? -1 : 1));
}
