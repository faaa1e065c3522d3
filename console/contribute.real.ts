// A browser tab as a site of a real pool: the link of an invitation is opened, the person agrees,
// the tab trains beside an agent, is closed in the middle, and the run ends without it. Its work is
// in the books of the member. Screenshots go to CONSOLE_SHOTS where that folder is named.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openPage, startBrowser } from "./testing/browser.ts";
import { type RealPool, startRealPool } from "./testing/real-pool.ts";

const SHOTS = process.env.CONSOLE_SHOTS;
/** Two slow cores compile the engine and train on both sites. */
const WAIT = { timeout: 45_000 };
const CONTRIBUTIONS = 2;
/** A silent site is lost after 50 s; the rounds after that take some seconds more. */
const LOST_MS = 75_000;

let pool: RealPool;
let browser: Awaited<ReturnType<typeof startBrowser>>;
before(async () => {
  readFileSync(join(import.meta.dirname, "dist", "index.html"));
  if (SHOTS !== undefined) mkdirSync(SHOTS, { recursive: true });
  pool = await startRealPool();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await pool?.stop();
});

async function invite(name: string): Promise<string> {
  const invited = await pool.client.call("inviteMember", { body: { name } });
  assert.ok(invited.ok, JSON.stringify(invited));
  return invited.value.joinToken;
}

const RUN = {
  model: { context: 64, width: 64, layers: 2, heads: 2 },
  referenceBatch: 4,
  innerSteps: 50,
  warmUpSteps: 100,
  stop: { rounds: 30 },
};

test("a tab is asked, trains, is closed, and was counted; the run ends without it", async () => {
  const link = `${pool.url}/#/contribute/${encodeURIComponent(await invite("alice"))}`;
  const watched = await openPage(browser, pool.url);
  const { page } = watched;
  await page.goto(link);
  const start = page.getByRole("button", { name: "Start", exact: true });
  assert.ok(await start.isDisabled(), "nothing starts without consent");
  if (SHOTS !== undefined) await page.screenshot({ path: join(SHOTS, "contribute-asked.png") });
  await page.getByRole("checkbox").check();
  await start.click();
  await page.getByText("Waiting for a run to train").waitFor(WAIT);
  await pool.agent("bob", await invite("bob"));

  const body = { name: "speeches", run: RUN } as const;
  const sent = await pool.client.call("submitJob", { body });
  assert.ok(sent.ok, JSON.stringify(sent));
  const { id } = sent.value;
  const taken = page.locator(".stat", { hasText: "Contributions taken" }).locator("dd");
  await page.waitForFunction(
    (least) => Number(document.querySelector(".stat dd")?.textContent) >= least,
    CONTRIBUTIONS,
    WAIT,
  );
  if (SHOTS !== undefined) await page.screenshot({ path: join(SHOTS, "contribute-trains.png") });
  const seen = Number(await taken.innerText());
  const engine = await page.getByText(/Computes on WebAssembly/).count();
  assert.equal(engine, 1, "a machine without a GPU computes in WebAssembly");
  assert.deepEqual(watched.errors, []);
  assert.deepEqual(watched.strangers, []);
  await watched.close();

  const leftMs = performance.now();
  let last = "";
  const isOver = async (): Promise<boolean> => {
    const run = await pool.client.call("getRun", { params: { id } });
    assert.ok(run.ok, JSON.stringify(run));
    const { state, round, reason, outcome } = run.value;
    last = `${state} ${outcome} at round ${round}: ${reason}`;
    return state === "ended";
  };
  // The pool waits up to 50 s before it takes a lease of a silent site for lost.
  while (!(await isOver()) && performance.now() - leftMs < LOST_MS) await sleep(500);
  assert.match(last, /^ended completed/, "the run ends without the tab");
  const usage = await pool.client.call("getUsage", {});
  assert.ok(usage.ok, JSON.stringify(usage));
  const line = usage.value.lines.find((one) => one.member === "alice" && one.jobId === id);
  assert.ok(line !== undefined, "the member of the link has a line in the books");
  assert.ok(line.rounds >= seen, `${line.rounds} rounds in the books, ${seen} on the page`);
  assert.ok(line.deviceMs > 0 && line.tokens > 0 && line.microCredits > 0, JSON.stringify(line));
});
