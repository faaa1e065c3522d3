// What an owner lets the pool's training use of its site's link, by the hour. The pool plans
// rounds by it and the site's own exchange keeps to it, so what it means is written here once.
// Measuring and pacing are left to the trainer.
import { hoursAt, type WeeklyHours } from "./hours.ts";

/** A bound that holds at some hours; what is absent is not bounded. */
export interface BandwidthRule {
  /** Null: always. */
  readonly hours: WeeklyHours | null;
  readonly upMbitPerS?: number;
  readonly downMbitPerS?: number;
}

/** What may be used at a moment; Infinity: all there is. */
export interface Bandwidth {
  readonly upMbitPerS: number;
  readonly downMbitPerS: number;
}

/** The strictest of the rules whose hours are open. */
export function bandwidthAt(rules: readonly BandwidthRule[], atMs: number): Bandwidth {
  let [upMbitPerS, downMbitPerS] = [Infinity, Infinity];
  for (const rule of rules) {
    if (rule.hours !== null && !hoursAt(rule.hours, atMs).open) continue;
    upMbitPerS = Math.min(upMbitPerS, rule.upMbitPerS ?? Infinity);
    downMbitPerS = Math.min(downMbitPerS, rule.downMbitPerS ?? Infinity);
  }
  return { upMbitPerS, downMbitPerS };
}
