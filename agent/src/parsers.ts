// What the agent reads from its pool and its folder, checked by the contract. The shapes come from
// the environment where `tequio agent` has put them, so that this process never loads the schemas;
// otherwise they are made from these here.
import { type AgentParsers, type AgentShapes, parsersOf } from "@tequio/contract/agent";

/** Holds the shapes as JSON. */
export const SHAPES_ENV = "TEQUIO_AGENT_SHAPES";

/** The shapes for `SHAPES_ENV`, made from the schemas. */
export const shapesText = async (): Promise<string> => JSON.stringify(await madeShapes());

const madeShapes = async (): Promise<AgentShapes> =>
  (await import("@tequio/contract/agent-shapes")).agentShapes();

const given = process.env[SHAPES_ENV];

export const PARSERS: AgentParsers = parsersOf(
  given === undefined ? await madeShapes() : (JSON.parse(given) as AgentShapes),
);
