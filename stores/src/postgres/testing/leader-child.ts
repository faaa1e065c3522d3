// The leader that tests of the standby kill or stop: appends without end, and ends by itself when
// it learns that its place was taken.
import { setTimeout as sleep } from "node:timers/promises";
import { good, records } from "../../conformance/support.ts";
import { openPostgresStore } from "../index.ts";

const [url = "", folder = "", schema = ""] = process.argv.slice(2);
const store = good(await openPostgresStore({ url, folder, schema }));
for (;;) {
  const { seq } = store.journal.head();
  const outcome = await store.journal.append(seq, records(1, seq + 1));
  if (!outcome.ok) break;
  process.stdout.write("+");
  await sleep(20);
}
await store.close();
