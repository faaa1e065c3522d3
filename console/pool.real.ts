// The console on a real pool in a real browser: the control plane and two agents as processes, a
// member that joins by the command that the page shows, jobs, and a run that really learns.
// Screenshots go to CONSOLE_SHOTS where that folder is named.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import type { Locator, Page } from "playwright-core";
import { openPage, startBrowser, type Watched } from "./testing/browser.ts";
import { type RealPool, startRealPool, until } from "./testing/real-pool.ts";

const SHOTS = process.env.CONSOLE_SHOTS;
const WIDE = { width: 1_280, height: 800 };
const NARROW = { width: 400, height: 800 };
/** Longest wait for what the pool does in the background. The machine may have two slow cores. */
const WAIT = { timeout: 30_000 };

const JOB_LINES = 12;
const JOB = `for i in $(seq ${JOB_LINES}); do echo "line $i"; sleep 0.4; done`;
const SMALL = { cpus: 0.1 };
const ROUNDS = 6;
const RUN_FILE = `name: speeches
run:
  model: {context: 64, width: 64, layers: 2, heads: 2}
  referenceBatch: 4
  innerSteps: 50
  warmUpSteps: 200
  stop: {rounds: ${ROUNDS}}
`;

let pool: RealPool;
let browser: Awaited<ReturnType<typeof startBrowser>>;
let watched: Watched;
let page: Page;

before(async () => {
  // Without a build there is nothing to look at: say so at once.
  readFileSync(join(import.meta.dirname, "dist", "index.html"));
  if (SHOTS !== undefined) mkdirSync(SHOTS, { recursive: true });
  pool = await startRealPool();
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
const sees = (text: string | RegExp): Promise<void> => page.getByText(text).first().waitFor(WAIT);
const button = (name: string): Locator => page.getByRole("button", { name, exact: true });
const figure = (name: string): Promise<string> =>
  page.locator(".totals .stat", { hasText: name }).locator("dd").innerText();
const member = (name: string): Locator => page.getByRole("article", { name, exact: true });

/** Takes the page's picture at both widths and makes sure that nothing stands out at the side. */
async function look(name: string): Promise<void> {
  for (const size of [NARROW, WIDE]) {
    await page.setViewportSize(size);
    // Charts follow the new width in the next frame.
    await page.waitForTimeout(100);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wider <= 0, `${name} is ${wider} px too wide at ${size.width}`);
    if (SHOTS !== undefined) {
      const path = join(SHOTS, `${name}-${size.width}.png`);
      await page.screenshot({ path, fullPage: true });
    }
  }
}

test("an empty pool says what to do, and members join by the command it shows", async () => {
  await sees("The pool has no member yet. Invite the first one below.");
  await look("pool-empty");
  for (const [hash, text] of [
    ["#/jobs", "No job yet."],
    ["#/runs", "No spanning run yet."],
    ["#/statement", "Nothing was used in this time."],
  ] as const) {
    await go(hash);
    await sees(text);
  }
  await go("#/members");
  for (const name of ["lab", "plant"]) {
    await page.getByLabel("Name of the member").fill(name);
    await button("Invite").click();
    await sees(`${name} joins by running this command`);
    const command = await page.locator(".copy code").first().innerText();
    await look(`invited-${name}`);
    await button("Done").click();
    await pool.agent(name, /tqj1\.\S+/.exec(command)![0]);
  }
  await page.locator(".panel .badge", { hasText: "here" }).nth(3).waitFor(WAIT);
  await look("members");
  await go("#/");
  await member("plant").getByText("FLOP/s").waitFor(WAIT);
  assert.match(await member("plant").innerText(), /1 × [\s\S]*\d ms[\s\S]*bit\/s/);
  assert.equal(await figure("Sites here / members"), "2 / 2");
});

test("a job is submitted, and its log grows on its page until it has ended", async () => {
  await go("#/jobs");
  await button("Submit a job").click();
  await page.getByLabel("Command", { exact: true }).fill(JOB);
  await page.getByLabel("Name", { exact: true }).fill("lines");
  await page.getByLabel("Cores", { exact: true }).fill("0.1");
  await look("submit");
  await button("Submit").click();
  await page.waitForURL(/#\/jobs\/1$/);
  await sees("line 2");
  await page.locator("h1 .badge", { hasText: "running" }).waitFor();
  await look("job-running");
  await sees("The log is complete.");
  const wanted = Array.from({ length: JOB_LINES }, (_, i) => `line ${i + 1}\n`).join("");
  assert.equal(await page.locator(".log pre").textContent(), wanted);
  await page.locator("h1 .badge", { hasText: "completed" }).waitFor(WAIT);
  assert.equal(await figure("Exit code"), "0");
  await look("job-ended");
});

test("a job for a member that is drained says why it waits, and runs when it is back", async () => {
  await member("plant").getByRole("button", { name: "Drain" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Drain" }).click();
  await member("plant").getByText("draining").waitFor();
  await look("pool-draining");
  const body = { name: "patient", shell: "echo at last", members: ["plant"] };
  const made = await pool.client.call("submitJob", { body: { ...body, resources: SMALL } });
  assert.ok(made.ok, JSON.stringify(made));
  await go("#/jobs?state=queued");
  await sees("patient");
  const reason = await page.locator("td.wide").innerText();
  assert.match(reason, /drain/);
  await look("jobs-queued");
  await page.getByRole("link", { name: made.value.id, exact: true }).click();
  await page.getByRole("heading", { name: "Why" }).waitFor();
  await look("job-queued");
  await go("#/members");
  await button("Resume").click();
  await page.getByRole("dialog").getByRole("button", { name: "Resume" }).click();
  await go(`#/jobs/${made.value.id}`);
  await sees("at last");
  await go("#/jobs?state=ended");
  await sees("lines");
  await look("jobs");
});

/** Notes in the page each number of rounds that it has shown. */
function watchRounds(): void {
  const { dataset } = document.documentElement;
  dataset.rounds = "0";
  new MutationObserver(() => {
    const now = String(document.querySelectorAll("tr.round").length);
    if (dataset.rounds?.split(" ").at(-1) !== now) dataset.rounds += ` ${now}`;
  }).observe(document.body, { childList: true, subtree: true });
}

test("a spanning run draws its curve while it learns, and its model writes", async () => {
  await go("#/jobs");
  await button("Submit a job").click();
  await button("Job file").click();
  await page.getByLabel("Job file (YAML)").fill(RUN_FILE);
  await button("Submit").click();
  await page.waitForURL(/#\/runs\/3$/);
  await page.locator("h1 .badge").waitFor();
  await page.evaluate(watchRounds);
  // A quick machine may be past the warm-up before the page has looked.
  const warmUp = page.getByText("One member trains the model alone first").first();
  const canvas = page.locator(".chart canvas").first();
  await warmUp.or(canvas).first().waitFor(WAIT);
  await look("run-warm-up");
  await page.locator(".chart canvas").nth(1).waitFor(WAIT);
  await look("run-training");
  await page.locator("h1 .badge", { hasText: "completed" }).waitFor(WAIT);
  await sees("100\u00a0%");
  const seen = await page.evaluate(() => document.documentElement.dataset.rounds);
  assert.match(seen!, /^0 .*[1-9]$/, "rounds came to the open page");
  const run = await pool.client.call("getRun", { params: { id: "3" } });
  assert.ok(run.ok && run.value.lossNow! < run.value.lossBefore!);
  assert.ok((await figure("Held-out loss")).startsWith(run.value.lossNow!.toFixed(3)));
  for (const name of ["lab", "plant"]) {
    const row = page.locator("tr", { has: page.locator("b", { hasText: name }) });
    const text = await row.first().innerText();
    // Speed, tokens and share, then bytes up and down: what it gave and what it took.
    assert.match(text, /\t[\d.]+ k\t[\d.]+ k\t[\d.]+\u00a0%\t\d\t[\d.]+ [kM]B\t[\d.]+ [kM]B\t/);
  }
  await button("Continue").click();
  const written = page.locator("blockquote");
  await written.waitFor(WAIT);
  assert.match((await written.textContent()) ?? "", /^The [\s\S]{100}/);
  await look("run-ended");
  await go("#/runs");
  await sees("lab, plant");
  await look("runs");
});

test("the order of the queue and a project's caps are set, and taken back", async () => {
  await go("#/");
  await page.getByLabel("A point of priority for waiting").fill("soon");
  await sees("a time from 1s on");
  assert.ok(await button("Change the order").isDisabled());
  await page.getByLabel("A point of priority for waiting").fill("90m");
  await page.getByLabel("Who may pass a blocked job").selectOption("conservative");
  await button("Change the order").click();
  await until("the new order", async () => {
    const seen = await pool.client.call("getPool", {});
    if (!seen.ok) return false;
    const { ageing, backfill } = seen.value;
    return ageing?.pointMs === 5_400_000 && backfill === "conservative";
  });
  await look("order-of-the-queue");
  await go("#/projects/default");
  const whole = page.getByRole("group", { name: "The project" });
  const capped = async (): Promise<number | undefined> => {
    const seen = await pool.client.call("listProjects", {});
    assert.ok(seen.ok);
    return seen.value.rows.find(({ name }) => name === "default")?.caps?.maxRunningJobs;
  };
  for (const text of ["2", ""]) {
    await whole.getByLabel("Running jobs").fill(text);
    await button("Change the caps").click();
    const cap = text === "" ? undefined : Number(text);
    await until(`the cap ${cap}`, async () => (await capped()) === cap);
    await page.reload();
    await until("the page to show it", async () => {
      return (await whole.getByLabel("Running jobs").inputValue()) === text;
    });
  }
});

test("the statement's totals are those of the pool's books", async () => {
  const usage = await pool.client.call("getUsage", {});
  assert.ok(usage.ok);
  const { totals, lines } = usage.value;
  assert.ok(totals.deviceMs > 0 && totals.cpuMs > 0 && totals.microCredits > 0);
  await go("#/statement");
  await page.getByRole("heading", { name: "plant" }).waitFor();
  assert.equal(await figure("Credits"), (totals.microCredits / 1e6).toFixed(3));
  assert.match(await figure("Device time"), /^0:0\d:\d\d$/);
  assert.equal(await page.locator("tbody tr").count(), lines.length);
  await look("statement");
  await button("By project").click();
  await page.getByRole("heading", { name: "default" }).waitFor();
});

test("a member that goes away is shown as away, and what ended stays readable", async () => {
  await pool.leave("plant");
  await until("plant is away", async () => (await member("plant").innerText()).includes("away"));
  await look("pool-away");
  await go("#/members");
  await sees("away");
  await look("members-away");
});

test("a site's key is revoked on its member's page, and the site stays out", async () => {
  await go("#/members/lab");
  await page.getByRole("heading", { name: "Sites and their keys" }).waitFor();
  await page.getByRole("cell", { name: "here" }).waitFor(WAIT);
  await button("Revoke the key").click();
  await sees(/Revoke the key of s/);
  await page.getByRole("dialog").getByRole("button", { name: "Revoke the key" }).click();
  await page.getByRole("cell", { name: "revoked" }).waitFor(WAIT);
  assert.equal(await button("Revoke the key").count(), 0);
  await look("member-revoked");
});
