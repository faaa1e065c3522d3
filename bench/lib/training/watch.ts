// The trust that the round machine would have in each site, by its own rules (core/training/trust):
// who is in quarantine counts nothing, and everybody who ever was is named.
import {
  type AggregateRow,
  changeOfStanding,
  gainShares,
  noteGain,
  noteVerdict,
  type Standing,
} from "@tequio/core/training";

/** A site that was in quarantine: since which round, and why. */
export interface Named {
  readonly site: string;
  readonly round: number;
  readonly reason: string;
}

export interface Watch {
  /** Whether the contributions of a site have weight. */
  counts(siteId: string): boolean;
  /** Takes a merged round; `weights` are those of before the verdicts, in the order of the rows. */
  see(round: number, rows: readonly AggregateRow[], weights: readonly number[]): void;
  readonly named: readonly Named[];
}

/** The trust of one run, from its first round on. */
export function openWatch(): Watch {
  const standings = new Map<string, Standing>();
  const named: Named[] = [];
  const standingOf = (siteId: string): Standing => {
    const known = standings.get(siteId) ?? { failsInRow: 0, cleanInRow: 0, quarantined: false };
    standings.set(siteId, known);
    return known;
  };
  return {
    named,
    counts: (siteId) => !standingOf(siteId).quarantined,
    see(round, rows, weights) {
      const tried = rows.flatMap((row, i) =>
        row.verdict === "unreadable" ? [] : [{ ...row, weight: weights[i]! }],
      );
      const shares = gainShares(tried);
      for (const { siteId, verdict } of rows) {
        const site = standingOf(siteId);
        noteVerdict(site, verdict === "passed", false);
        const share = shares.get(siteId);
        if (share !== undefined) noteGain(site, share);
        const change = changeOfStanding(site);
        if (change === undefined) continue;
        site.quarantined = change.to === "quarantined";
        site.failsInRow = 0;
        site.cleanInRow = 0;
        const isNew = !named.some((one) => one.site === siteId);
        if (site.quarantined && isNew) named.push({ site: siteId, round, reason: change.reason });
      }
    },
  };
}
