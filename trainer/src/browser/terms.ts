// What the owner of a tab's site has set, kept at the tab as an agent keeps it: when it may
// compute, and what it may use of its link. That only training is taken stands in site.ts; devices,
// projects and time limits are the pool's to keep, since a tab has one device and runs no job's own
// program.
import type { TermsMessage, TermsWire } from "@tequio/contract";
import { type BandwidthRule, bandwidthAt, hoursAt, onlyHours } from "@tequio/core/pool";

export class TabTerms {
  readonly #nowMs: () => number;
  #terms: TermsWire | undefined;
  /** What the pool's clock is ahead of `nowMs`. */
  #aheadMs = 0;

  /** `nowMs` is a clock that never goes back; the hour is the pool's. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  take({ terms, nowMs }: TermsMessage): void {
    this.#terms = terms;
    this.#aheadMs = nowMs - this.#nowMs();
  }

  /** What leases that start now may use of the link. */
  get bandwidth(): readonly BandwidthRule[] {
    return this.#terms?.bandwidth ?? [];
  }

  /** Why nothing may be computed now; undefined when it may. */
  closed(): string | undefined {
    if (this.#terms === undefined) return undefined;
    const { recalled, maintenance, hours } = this.#terms;
    if (recalled) return "The owner took the machines back.";
    const nowMs = this.#poolMs();
    if (maintenance.some(({ fromMs, toMs }) => fromMs <= nowMs && nowMs < toMs)) {
      return "The site is in maintenance.";
    }
    if (hours === null || hoursAt(hours, nowMs).open) return undefined;
    return `The owner ${onlyHours(hours)}.`;
  }

  /** The owner's bounds of this hour in words; undefined: none. */
  limits(): string | undefined {
    const { upMbitPerS: up, downMbitPerS: down } = bandwidthAt(this.bandwidth, this.#poolMs());
    const words = [
      ...(up === Infinity ? [] : [`${up} Mbit/s up`]),
      ...(down === Infinity ? [] : [`${down} Mbit/s down`]),
    ];
    const hours = this.#terms?.hours ?? null;
    if (hours !== null) words.push(onlyHours(hours));
    return words.length === 0 ? undefined : words.join(", ");
  }

  #poolMs(): number {
    return this.#nowMs() + this.#aheadMs;
  }
}
