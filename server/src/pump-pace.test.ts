// Proves how the pump paces itself: it gathers what comes before it writes, and leaves time between
// two looks of the scheduler.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Store } from "@tequio/stores";
import { openMemoryStore } from "@tequio/stores/memory";
import { openPump, type Pump } from "./pump.ts";
import { good, until } from "./testing/setup.ts";

/** What a slow disk takes for one append: far more than a turn of the event loop. */
const APPEND_MS = 30;

const project = (name: string) => ({ type: "setProject", name, parent: null, shares: 1 }) as const;
const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

/** A store on a slow disk that counts its appends. */
function slow(store: Store): { readonly store: Store; readonly appends: number[] } {
  const appends: number[] = [];
  const journal = {
    ...store.journal,
    append: async (seq: number, records: Parameters<typeof store.journal.append>[1]) => {
      appends.push(records.length);
      await sleep(APPEND_MS);
      return store.journal.append(seq, records);
    },
  };
  return { store: { ...store, journal }, appends };
}

async function open(store: Store, onPass?: (ms: number) => void): Promise<Pump> {
  let ms = 1_000;
  const pump = good(await openPump(store, () => (ms += 1), undefined, onPass));
  await pump.submit({ type: "createPool", poolId: "p", name: "test" });
  return pump;
}

test("inputs of turns that follow one another are written together on a slow disk", async () => {
  const { store, appends } = slow(good(await openMemoryStore()));
  const pump = await open(store);
  await sleep(2 * APPEND_MS);
  appends.length = 0;
  const answers: Promise<unknown>[] = [];
  for (let i = 0; i < 10; i += 1) {
    answers.push(pump.submit(project(`p${i}`)));
    await turn();
  }
  await Promise.all(answers);
  // How many turns fit depends on the machine; without gathering the first would be alone.
  assert.ok(appends[0]! > 1, `the appends had ${appends} records`);
  await pump.close();
});

test("a single input is not held back for others that do not come", async () => {
  const { store, appends } = slow(good(await openMemoryStore()));
  const pump = await open(store);
  await sleep(2 * APPEND_MS);
  appends.length = 0;
  const answer = pump.submit(project("alone"));
  for (let i = 0; i < 5; i += 1) await turn();
  assert.deepEqual(appends, [1]);
  await answer;
  await pump.close();
});

test("a flood of inputs calls for few looks at the queue, and the last one gets one", async () => {
  let looks = 0;
  const pump = await open(good(await openMemoryStore()), () => {
    looks += 1;
  });
  await sleep(20);
  looks = 0;
  const inputs = 50;
  await Promise.all(Array.from({ length: inputs }, (_, i) => pump.submit(project(`p${i}`))));
  await until("a look after the flood", () => looks > 0);
  await sleep(20);
  assert.ok(looks < inputs / 2, `${looks} looks for ${inputs} inputs of one turn`);
  const lastAt = looks;
  await pump.submit(project("last"));
  await until("a look after the last input", () => looks > lastAt);
  await pump.close();
});
