// The books of the pool: usage that fades, charges, contributions and statements.
export * from "./credit.ts";
export * from "./ledger.ts";
export * from "./periods.ts";
export { DEFAULT_RATES, HOUR_MS, MICRO_PER_CREDIT, priced } from "./rates.ts";
export {
  addAmounts,
  amountsOfEntry,
  amountsOfHour,
  type BookLines,
  liveLines,
  NOTHING,
  StatementSum,
  statement,
} from "./statement.ts";
export type * from "./types.ts";
export * from "./usage.ts";
