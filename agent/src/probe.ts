// The program that the agent runs to measure its link: a process of its own, so that the memory of
// the transfers goes when it ends. What to measure comes as JSON by standard input, so that the
// site's token is in no argument list; it prints one line of JSON. What it does stands in link.ts.
// entry: the composition root names it, and the agent starts it.
import { readFileSync } from "node:fs";
import { measureRates, type TransferOptions } from "./link.ts";
import { trustCertificate } from "./trust.ts";

interface Wish extends TransferOptions {
  /** Certificates (PEM) that the agent believes beside the system's own. */
  readonly certificates: readonly string[];
}

const wish = JSON.parse(readFileSync(0, "utf8")) as Wish;
for (const pem of wish.certificates) trustCertificate(pem);
const rates = await measureRates(wish, new AbortController().signal);
process.stdout.write(`${JSON.stringify(rates)}\n`, () => process.exit(0));
