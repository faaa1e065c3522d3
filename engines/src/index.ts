// The engine port. Concrete engines have their own entry (`@tequio/engines/local`): only the
// composition root names them.
export * from "./clock.ts";
export * from "./port.ts";
