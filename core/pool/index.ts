// The nouns of the pool. This package imports nothing; everything else may import it.
export * from "./ageing.ts";
export * from "./backfill.ts";
export * from "./bandwidth.ts";
export * from "./caps.ts";
export { type Chance, chanceOf } from "./chance.ts";
export * from "./codes.ts";
export * from "./deadline.ts";
export * from "./hours.ts";
export * from "./job.ts";
export * from "./lease.ts";
export * from "./limits.ts";
export * from "./offer.ts";
export * from "./outcome.ts";
export * from "./reservation.ts";
export * from "./resources.ts";
export * from "./roles.ts";
