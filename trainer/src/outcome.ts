// Expected trouble of the trainer as values: the pool's own shape and codes.
export { assert, type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
