// How fast which work runs on which devices: catalogue, measurements, and what follows from both.
export {
  kindOf,
  noObservations,
  type Observation,
  type Observations,
  observe,
  runKindOf,
} from "./observations.ts";
export { type Device, isCatalogued, priorLogSpeed } from "./prior.ts";
export { Speeds, type Stock, type WaitingKind } from "./speeds.ts";
export { type Expected, ThroughputTable } from "./table.ts";
export { type ShareMilliOf, shareMilliOf } from "./weight.ts";
