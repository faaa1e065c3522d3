// Plays rounds of the machine with sites that are exactly as fast as they say, to compare what was
// forecast with what happens. For tests only.
import assert from "node:assert/strict";
import { codedBytes } from "./codec/index.ts";
import type { ForecastSite } from "./forecast.ts";
import type { Aggregated } from "./round/messages.ts";
import { nextWakeMs } from "./round/settle.ts";
import type { RunConfig } from "./round/state.ts";
import { aggregated, offer } from "./round/stories.testing.ts";
import { createRun, step } from "./round.ts";
import { linkMs, tokensPerSecond } from "./speed.ts";

const ROUNDS = 20;
/** Until then sites fetch the whole model, and the mean of their exchanges still knows of it. */
const BEGINNING = 10;

/** Plays rounds of sites that are as fast as they say; ms, tokens, rounds past the beginning, H. */
export function played(sites: readonly ForecastSite[], forRun: RunConfig) {
  const state = createRun(forRun, 0);
  for (const { siteId, link, speed } of sites) {
    const tokensPerSecondHint = tokensPerSecond(speed, 1, forRun.context);
    step(state, { type: "site.available", siteId, link, tokensPerSecondHint, atMs: 0 });
  }
  const done: { readonly atMs: number; readonly tokens: number }[] = [];
  for (let turns = 0; state.roundsMerged < ROUNDS; turns += 1) {
    assert.ok(turns < 2_000, "rounds need few turns");
    if (state.phase.kind === "aggregating") {
      const bytesDown = codedBytes(forRun.codecDown, forRun.parameters);
      step(state, { ...(aggregated(state, state.nowMs + 1) as Aggregated), bytesDown });
      done.push({ atMs: state.nowMs, tokens: state.tokensMerged });
      continue;
    }
    const due = state.assignments.map((asked) => {
      const { speed, link } = sites.find(({ siteId }) => siteId === asked.siteId)!;
      const tokens = asked.innerSteps * asked.batch * forRun.context;
      const computeMs = (1_000 * tokens) / tokensPerSecond(speed, 1, forRun.context);
      const bytesUp = codedBytes(asked.codec, forRun.parameters);
      const transferMs = linkMs(link, bytesUp, asked.bytesDown);
      return {
        asked,
        computeMs,
        transferMs,
        bytesUp,
        atMs: asked.assignedMs + computeMs + transferMs,
      };
    });
    const first = due.sort((a, b) => a.atMs - b.atMs)[0];
    const wakeMs = nextWakeMs(state);
    assert.ok(first !== undefined || wakeMs !== null, "something is to come");
    if (first === undefined || (wakeMs !== null && wakeMs < first.atMs)) {
      step(state, { type: "tick", atMs: Math.max(state.nowMs, wakeMs!) });
      continue;
    }
    const { asked, computeMs, transferMs, bytesUp: bytes } = first;
    const atMs = Math.max(state.nowMs, Math.ceil(first.atMs));
    step(state, offer(state, asked.siteId, atMs, { computeMs, transferMs, bytes }));
  }
  const [start, end] = [done[BEGINNING - 1]!, done.at(-1)!];
  const rounds = done.length - BEGINNING;
  const { innerSteps } = state;
  assert.ok(innerSteps !== null, "the first round has chosen H");
  const { atMs: wholeMs } = end;
  return {
    ms: wholeMs - start.atMs,
    tokens: end.tokens - start.tokens,
    rounds,
    innerSteps,
    wholeMs,
  };
}
