// Makes the trouble that faults.ts planned, at its time, and puts everything right again at the
// end. It keeps a log of what it did for the reader of a failing run.
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fault, PlannedFault } from "./faults.ts";
import type { Place } from "./place.ts";

/** What can be killed besides the place's own processes. */
export interface StoreServer {
  /** `kill -9` of the database server. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

export interface Trouble {
  /** How often each kind of fault was made. */
  readonly made: ReadonlyMap<string, number>;
  /** No new faults from now on; resolves when all that was broken is whole again. */
  end(): Promise<void>;
}

/** Starts to make trouble now. */
export function makeTrouble(
  place: Place,
  faults: Generator<PlannedFault>,
  store?: StoreServer,
): Trouble {
  const startedMs = performance.now();
  const made = new Map<string, number>();
  const ending = new AbortController();
  const under = new Set<Promise<void>>();
  const note = (text: string): void => {
    const atS = ((performance.now() - startedMs) / 1_000).toFixed(2);
    appendFileSync(join(place.folder, "faults.log"), `${atS} ${text}\n`);
  };
  const pause = (ms: number): Promise<void> =>
    sleep(ms, undefined, { signal: ending.signal }).catch(() => {});
  const run = async (planned: PlannedFault): Promise<void> => {
    const { fault, long } = planned;
    const name = long ? `${fault.kind} (long)` : fault.kind;
    made.set(name, (made.get(name) ?? 0) + 1);
    note(JSON.stringify(fault));
    try {
      await act(place, fault, pause, store);
    } catch (error) {
      place.troubles.push(`${fault.kind} could not be made: ${error}`);
    }
    note(`over: ${JSON.stringify(fault)}`);
  };
  const loop = async (): Promise<void> => {
    for (const planned of faults) {
      await pause(startedMs + planned.atMs - performance.now());
      if (ending.signal.aborted) return;
      const act = run(planned).finally(() => under.delete(act));
      under.add(act);
    }
  };
  const looping = loop();
  return {
    made,
    end: async () => {
      ending.abort();
      await looping;
      await Promise.all(under);
    },
  };
}

type Pause = (ms: number) => Promise<void>;

async function act(
  place: Place,
  fault: Fault,
  pause: Pause,
  store: StoreServer | undefined,
): Promise<void> {
  switch (fault.kind) {
    case "agent.kill":
      await place.kill(siteName(fault.site));
      await pause(fault.forMs);
      return place.startAgent(fault.site);
    case "site.power":
      await place.powerCut(fault.site);
      await pause(fault.forMs);
      return place.startAgent(fault.site);
    case "supervisor.kill":
      place.killSupervisor(fault.site);
      return;
    case "pool.kill":
      await place.kill("pool");
      await pause(fault.forMs);
      return place.startPool();
    case "both.kill":
      await Promise.all([place.kill("pool"), place.kill(siteName(fault.site))]);
      await pause(fault.forMs);
      place.startAgent(fault.site);
      return place.startPool();
    case "store.kill":
      await store?.kill();
      await pause(fault.forMs);
      return store?.start();
    case "link.cut": {
      const { link } = place.sites[fault.site]!;
      link.cut(fault.cut);
      await pause(fault.forMs);
      return link.heal();
    }
    case "agent.stop":
      return freeze(place, siteName(fault.site), fault.forMs, pause);
    case "pool.stop":
      return freeze(place, "pool", fault.forMs, pause);
    default:
      return fault satisfies never;
  }
}

const siteName = (site: number): string => `site${site}`;

async function freeze(place: Place, name: string, forMs: number, pause: Pause): Promise<void> {
  place.freeze(name, true);
  await pause(forMs);
  place.freeze(name, false);
}
