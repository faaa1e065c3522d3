// Moves of what runs, so that what waits finds room: the search, and whether it is worth it.
export { type Holding, Holdings, type Move } from "./holdings.ts";
export { findLeaseMoves, type LeaseMove, type LeaseMoves, type LeaseSearch } from "./leases.ts";
export { type Future, tightestPlace } from "./places.ts";
export { MoveSearch, type Room } from "./search.ts";
export { type MoveCost, type MoveGain, moveCostMs, worthMoving } from "./worth.ts";
