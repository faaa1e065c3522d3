// entry: site.ts starts this as a worker of the browser
// The arithmetic of a tab: one lease's stretches, in a worker that is ended with the lease. It asks
// the site's worker for models and text and hands it what was learned.
import type { Train } from "../site/exchange.ts";
import { takePart } from "../site/loop.ts";
import { type Text, windowsOf } from "../windows.ts";
import { Calls } from "./calls.ts";
import { openBrowserExecutor } from "./engine.ts";
import type { ComputeNews, ComputeOrder } from "./messages.ts";

interface Host {
  onmessage: ((event: { readonly data: ComputeOrder }) => void) | null;
  postMessage(news: ComputeNews): void;
}
const host = globalThis as unknown as Host;
const post = (news: ComputeNews): void => host.postMessage(news);

let stopping = false;
const calls = new Calls(post);

async function textOf({ windows, model }: Train): Promise<Text> {
  const text = await calls.text();
  // Another text gives other tokens, which would spoil what all others learn.
  if (windowsOf(text, model.context) === windows) return text;
  throw new Error("CORPUS_INVALID: The text that came is not the one that the run is of.");
}

async function compute(engineUrl: string, threads: number): Promise<void> {
  const log = (line: string): void => post({ kind: "log", line });
  const onFiles = (files: readonly string[]) => calls.engine(files);
  const executor = await openBrowserExecutor({ engineUrl, threads, onFiles });
  post({ kind: "engine", name: executor.name });
  log(`executor ${executor.name}, ${executor.version}`);
  await takePart({ exchange: calls, executor, textOf, log, stopped: () => stopping });
}

host.onmessage = ({ data }) => {
  switch (data.kind) {
    case "start":
      compute(data.engineUrl, data.threads).then(
        () => post({ kind: "over" }),
        (error: unknown) => post({ kind: "over", error: String(error) }),
      );
      break;
    case "stop":
      stopping = true;
      break;
    case "answer":
      calls.take(data);
      break;
    default:
      data satisfies never;
  }
};
