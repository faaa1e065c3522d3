// The shapes that a connected agent reads, as plain data for shape.ts.
import { z } from "zod";
import type { AgentShapes } from "./agent.ts";
import { ToAgent } from "./gateway.ts";
import { CalibrationWire } from "./pool.ts";
import type { Shape } from "./shape.ts";
import { TermsWire } from "./terms.ts";

const shapeOf = (schema: z.ZodType): Shape => z.toJSONSchema(schema) as Shape;

/** Made from the schemas, so there is one definition of each. */
export const agentShapes = (): AgentShapes => ({
  toAgent: shapeOf(ToAgent),
  calibration: shapeOf(CalibrationWire),
  terms: shapeOf(TermsWire),
});
