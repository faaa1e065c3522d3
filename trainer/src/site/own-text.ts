// The text of a run as a site with files has it: installed, or at the path that the job names. A
// site in a browser asks the pool for it instead (browser/text.ts).
import { loadCorpus, tokenised } from "../corpus.ts";
import { type Text, windowsOf } from "../windows.ts";
import type { Train } from "./exchange.ts";

/** The run's text in the run's tokens. Throws where this site's text is not the pool's. */
export async function ownText(assignment: Train): Promise<Text> {
  const { corpus: name = "sotu", tokenizer = "bytes", windows, model } = assignment;
  const needs = { context: model.context, sites: 1 };
  const loaded = await loadCorpus(name, needs);
  if (!loaded.ok) throw new Error(`${loaded.code}: ${loaded.message}`);
  if (tokenizer === "bytes") return loaded.value.parts.train;
  const own = tokenised(loaded.value, tokenizer, needs);
  if (!own.ok) throw new Error(`${own.code}: ${own.message}`);
  const { corpus } = own.value;
  // Another text gives other tokens, which would spoil what all others learn.
  if (windowsOf(corpus.parts.train, model.context) === windows) return corpus.parts.train;
  throw new Error(`CORPUS_INVALID: The text ${name} is not the one that the pool has.`);
}
