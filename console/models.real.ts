// What the console does with models and reservations, on a real pool in a real browser: files,
// forks, the lineage card and its signature, replicas; capacity that is kept and given back.
// Screenshots go to CONSOLE_SHOTS where that folder is named.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import type { Page } from "playwright-core";
import { openPage, startBrowser, type Watched } from "./testing/browser.ts";
import { type RealPool, startRealPool, until } from "./testing/real-pool.ts";

const SHOTS = process.env.CONSOLE_SHOTS;
const NARROW = { width: 400, height: 800 };
const WIDE = { width: 1_280, height: 800 };
const WAIT = { timeout: 30_000 };
const RUN = {
  ...{ model: { context: 32, width: 32, layers: 1, heads: 2 }, stop: { rounds: 2 } },
  ...{ referenceBatch: 4, innerSteps: 10, warmUpSteps: 5 },
};

let pool: RealPool;
let browser: Awaited<ReturnType<typeof startBrowser>>;
let watched: Watched;
let page: Page;
let run = "";

before(async () => {
  // Without a build there is nothing to look at: say so at once.
  readFileSync(join(import.meta.dirname, "dist", "index.html"));
  if (SHOTS !== undefined) mkdirSync(SHOTS, { recursive: true });
  pool = await startRealPool();
  const invited = await pool.client.call("inviteMember", { body: { name: "uni-lab" } });
  assert.ok(invited.ok);
  await pool.agent("uni-lab", invited.value.joinToken);
  const sent = await pool.client.call("submitJob", { body: { name: "speeches", run: RUN } });
  assert.ok(sent.ok);
  run = sent.value.id;
  const shown = () => pool.client.call("getRun", { params: { id: run } });
  await until("the run has ended", async () => {
    const now = await shown();
    return now.ok && now.value.state === "ended";
  });
  const served = await pool.client.call("submitJob", {
    body: { serve: run, resources: { cpus: 0.25 } },
  });
  assert.ok(served.ok, JSON.stringify(served));
  await until("a replica is ready", async () => {
    const now = await shown();
    return now.ok && now.value.replicas?.[0]?.state === "ready";
  });
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await pool?.stop();
});
beforeEach(async () => {
  watched = await openPage(browser, pool.url, { viewport: WIDE });
  page = watched.page;
  await page.goto(`${pool.url}/?token=${pool.token}`);
  await page.locator(".live.live").waitFor();
});
afterEach(async () => {
  assert.deepEqual(watched.errors, []);
  assert.deepEqual(watched.strangers, []);
  await watched.close();
});

const go = (hash: string): Promise<void> => page.evaluate((to) => location.assign(to), hash);
const press = (name: string): Promise<void> =>
  page.getByRole("button", { name, exact: true }).last().click(WAIT);
const sees = (text: string | RegExp): Promise<void> => page.getByText(text).first().waitFor(WAIT);

/** Takes the page's picture at both widths and makes sure that nothing stands out at the side. */
async function look(name: string): Promise<void> {
  for (const size of [NARROW, WIDE]) {
    await page.setViewportSize(size);
    await page.waitForTimeout(200);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wider <= 0, `${name} is ${wider} px too wide at ${size.width}`);
    const path = join(SHOTS ?? "", `${name}-${size.width}.png`);
    if (SHOTS !== undefined) await page.screenshot({ path, fullPage: true });
  }
}

test("a run's model is saved as a file in both formats", async () => {
  await go(`#/runs/${run}`);
  await sees("Models of this run");
  for (const [name, ending] of [
    ["safetensors", ".safetensors"],
    ["ONNX", ".onnx"],
  ] as const) {
    const coming = page.waitForEvent("download");
    await press(name);
    const file = await coming;
    assert.ok(file.suggestedFilename().endsWith(ending), file.suggestedFilename());
    // 32 × 256 values of the embedding alone.
    assert.ok(statSync(await file.path()).size > 4 * 32 * 256);
  }
});

test("the lineage card is shown, checked here and saved, and replicas are listed", async () => {
  await go(`#/runs/${run}`);
  await press("Show the card");
  await sees("Who put what into it");
  await press("Check the signature");
  await sees(/The signature of key [0-9a-f]{16} is good/);
  await sees("Replicas that serve it");
  const coming = page.waitForEvent("download");
  await press("Download the card");
  const card = JSON.parse(readFileSync(await (await coming).path(), "utf8")) as {
    card: { runId: string };
  };
  assert.equal(card.card.runId, run);
  await look("run-models");
});

test("a fork begins from the page", async () => {
  await go(`#/runs/${run}`);
  await press("Fork");
  await page.getByLabel("Name", { exact: true }).fill("second-try");
  await page.getByLabel("Minutes to train").fill("1");
  await look("run-fork");
  await press("Fork");
  await sees("The fork:");
  const runs = await pool.client.call("listRuns", { query: {} });
  assert.ok(runs.ok);
  const fork = runs.value.rows.find(({ name }) => name === "second-try");
  assert.ok(fork !== undefined);
  await pool.client.call("cancelJob", { params: { id: fork.id }, body: {} });
});

test("an operator keeps capacity and gives it back", async () => {
  await go("#/reservations");
  await sees("Nothing is reserved.");
  const day = (ahead: number) => new Date(Date.now() + ahead * 86_400_000).toISOString();
  await page.getByLabel("Project").fill("default");
  await page.getByLabel("From").fill(day(2).slice(0, 16));
  await page.getByLabel("To", { exact: true }).fill(day(1).slice(0, 16));
  await sees("a window ends after it begins");
  await page.getByLabel("To", { exact: true }).fill(day(3).slice(0, 16));
  await page.getByLabel("Reason").fill("course");
  await press("Reserve");
  await sees(/Reserved as/);
  await sees("uni-lab/uni-lab");
  await look("reservations");
  await press("Cancel");
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await sees("Nothing is reserved.");
});
