// The part of the contract that a connected site agent speaks. A process that lives for weeks and
// does little else loads this instead of the schemas: it is given their shapes as plain data.
import type { z } from "zod";
import type { ToAgent } from "./gateway.ts";
import type { CalibrationWire } from "./pool.ts";
import { checkOf, type Shape } from "./shape.ts";
import type { TermsWire } from "./terms.ts";

export type * from "./gateway.ts";
export * from "./gateway-texts.ts";
export type { TermsMessage, TermsWire } from "./terms.ts";

/** What an agent reads, as plain data that can be handed on as JSON. */
export interface AgentShapes {
  readonly toAgent: Shape;
  readonly calibration: Shape;
  readonly terms: Shape;
}

/** Each gives the value, or undefined when it has not the shape. */
export interface AgentParsers {
  readonly toAgent: (value: unknown) => ToAgent | undefined;
  readonly calibration: (value: unknown) => z.infer<typeof CalibrationWire> | undefined;
  readonly terms: (value: unknown) => TermsWire | undefined;
}

/** Parsers for values that JSON.parse gave. */
export function parsersOf(shapes: AgentShapes): AgentParsers {
  const parser = <T>(shape: Shape) => {
    const check = checkOf(shape);
    return (value: unknown): T | undefined => (check(value) ? (value as T) : undefined);
  };
  return {
    toAgent: parser(shapes.toAgent),
    calibration: parser(shapes.calibration),
    terms: parser(shapes.terms),
  };
}
