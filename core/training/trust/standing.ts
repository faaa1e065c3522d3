/**
 * The standing of a site in a run: what its contributions have shown of it, and when that changes
 * whether they count. The events that say so are the round machine's.
 */
import { ROUND_LIMITS } from "../limits.ts";
import { helpsEnough, nextGain } from "./gain.ts";

/** What is known of a site. */
export interface Standing {
  /** Contributions in a row that did not pass, and that passed. */
  failsInRow: number;
  cleanInRow: number;
  quarantined: boolean;
  /** How much it helps against the others and in how many rounds that was seen (`gain.ts`);
   * absent until it was, and in snapshots of before the test. */
  gain?: { readonly share: number; readonly rounds: number };
}

/** Whether the trust in a site changes now, and why; undefined when it does not. */
export function changeOfStanding(
  site: Standing,
): { readonly to: "quarantined" | "readmitted"; readonly reason: string } | undefined {
  const { failsInRow, cleanInRow, quarantined, gain } = site;
  const helps = gain === undefined || helpsEnough(gain.share, gain.rounds);
  if (!quarantined && failsInRow >= ROUND_LIMITS.GATE_FAILS_MAX) {
    return { to: "quarantined", reason: `${failsInRow} contributions in a row did not pass` };
  }
  if (!quarantined && !helps) {
    const share = `${Math.round(100 * gain.share)} %`;
    const reason = `over ${gain.rounds} rounds it helped ${share} of what the others' did`;
    return { to: "quarantined", reason };
  }
  if (quarantined && helps && cleanInRow >= ROUND_LIMITS.CLEAN_TO_READMIT) {
    return { to: "readmitted", reason: `${cleanInRow} contributions in a row were clean` };
  }
  return undefined;
}

/** Notes a verdict. A late delta may fail for its lateness alone, and slowness must not end in
 * quarantine. */
export function noteVerdict(site: Standing, passed: boolean, late: boolean): void {
  if (passed) {
    site.failsInRow = 0;
    site.cleanInRow += 1;
  } else if (!late) {
    site.failsInRow += 1;
    site.cleanInRow = 0;
  }
}

/** Notes how much a contribution helped, as a share of the middle one of its round. */
export function noteGain(site: Standing, share: number): void {
  const { gain } = site;
  site.gain = { share: nextGain(gain?.share, share), rounds: (gain?.rounds ?? 0) + 1 };
}
