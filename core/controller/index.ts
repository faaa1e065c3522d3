// The controller: `step` decides, `apply` folds, `ordersOf` says what each site should do.
export { apply } from "./apply.ts";
export { dependencyState } from "./dependencies.ts";
export * from "./event.ts";
export * from "./input.ts";
export * from "./orders.ts";
export * from "./state.ts";
export { type StepResult, step } from "./step.ts";
export { nodeViews, schedulerInput } from "./views.ts";
