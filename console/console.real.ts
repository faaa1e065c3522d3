// The console in a real browser. The smoke part runs against any pool: TEQUIO_URL and TEQUIO_TOKEN
// name one, else it is the fake pool. The other tests need the fake pool, whose figures they know.
// Screenshots go to CONSOLE_SHOTS where that folder is named.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { openPage, startBrowser, type Watched } from "./testing/browser.ts";
import { contrast } from "./testing/contrast.ts";
import { type FakePool, startFakePool } from "./testing/fake-pool.ts";

const DIST = join(import.meta.dirname, "dist");
const SHOTS = process.env.CONSOLE_SHOTS;
/** Compressed bytes of the first load. 400 kB are 3 s on a link of 1 Mbit/s. */
const FIRST_LOAD_BYTES_MAX = 400_000;
const HASHES = [
  ...["#/", "#/jobs", "#/runs", "#/statement", "#/members"],
  ...["#/projects", "#/people", "#/reservations", "#/account"],
];

let browser: Browser;
let pool: FakePool;

before(async () => {
  // Without a build there is nothing to look at: say so at once.
  readFileSync(join(DIST, "index.html"));
  if (SHOTS !== undefined) mkdirSync(SHOTS, { recursive: true });
  pool = await startFakePool(DIST);
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await pool?.stop();
});

/** Opens a page of the fake pool, signed in. */
async function open(hash: string, options = {}): Promise<Watched> {
  const watched = await openPage(browser, pool.url, options);
  await watched.page.goto(`${pool.url}/?token=${pool.token}${hash}`);
  return watched;
}

/** Closes a page of which every error was expected. `expected` are parts of such messages. */
async function done(watched: Watched, ...expected: readonly string[]): Promise<void> {
  const surprises = watched.errors.filter((text) => !expected.some((part) => text.includes(part)));
  assert.deepEqual(surprises, []);
  assert.deepEqual(watched.strangers, []);
  await watched.close();
}

const shoot = async (page: Page, name: string): Promise<void> => {
  if (SHOTS !== undefined)
    await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
};

const sees = (page: Page, text: string | RegExp): Promise<void> =>
  page.getByText(text).first().waitFor();

test("smoke: the address signs in, every page opens, no other host is asked", async () => {
  const url = (process.env.TEQUIO_URL ?? pool.url).replace(/\/+$/, "");
  const token = process.env.TEQUIO_TOKEN ?? pool.token;
  for (const width of [1_280, 400]) {
    const watched = await openPage(browser, url, { viewport: { width, height: 900 } });
    const { page } = watched;
    await page.goto(`${url}/?token=${token}`);
    await page.getByRole("navigation").first().waitFor();
    assert.ok(!page.url().includes(token), "the token is taken out of the address");
    await page.locator(".live.live").waitFor();
    for (const hash of HASHES) {
      await page.evaluate((to) => location.assign(to), hash);
      await page.locator("h1").waitFor();
      await page.waitForTimeout(300);
      assert.equal(await page.locator(".trouble").count(), 0, `${hash} shows no trouble`);
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wider <= 0, `${hash} is ${wider} px too wide at ${width}`);
      await shoot(page, `smoke-${width}-${hash.slice(2) || "pool"}`);
    }
    for (const list of ["jobs", "runs"]) await openNewest(page, list);
    await done(watched);
  }
});

/** Opens the newest job or run, where there is one. */
async function openNewest(page: Page, list: string): Promise<void> {
  await page.evaluate((to) => location.assign(to), `#/${list}`);
  const link = page.locator(`td a[href^="#/${list}/"]`).first();
  await page.locator("td a, .empty").first().waitFor();
  if ((await link.count()) === 0) return;
  await link.click();
  await page.waitForURL(/#\/\w+\/\d/);
  await page.locator("h1 .badge").waitFor();
  assert.equal(await page.locator(".trouble").count(), 0, `the newest of ${list} shows no trouble`);
}

test("the first load is small and comes from the pool alone", () => {
  const folder = join(DIST, "assets");
  const files = [
    join(DIST, "index.html"),
    ...readdirSync(folder).map((name) => join(folder, name)),
  ];
  const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(file)).length, 0);
  assert.ok(bytes < FIRST_LOAD_BYTES_MAX, `${bytes} bytes`);
  const html = readFileSync(join(DIST, "index.html"), "utf8");
  assert.doesNotMatch(html, /https?:|<style|<script>|style=/);
});

test("a token that is not known is refused with code and hint, a good one enters", async () => {
  const watched = await openPage(browser, pool.url);
  const { page } = watched;
  await page.goto(`${pool.url}/?token=wrong`);
  await sees(page, "UNAUTHENTICATED");
  await page.getByText("Use a token instead").click();
  await page.getByLabel("Token").fill("wrong too");
  await page.getByRole("button", { name: "Use the token" }).click();
  await sees(page, "Use the token that the pool printed when it started.");
  await page.getByLabel("Token").fill(pool.token);
  await page.keyboard.press("Enter");
  await sees(page, "Valley of Oaxaca pool");
  await page.reload();
  await sees(page, "Valley of Oaxaca pool");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Password").waitFor();
  await done(watched, "401");
});

test("the overview shows each member's state, machines, speed, link and earnings", async () => {
  const watched = await open("#/");
  const { page } = watched;
  const aurora = page.getByRole("article", { name: "aurora" });
  await aurora.waitFor();
  const text = await aurora.innerText();
  for (const part of [
    "here",
    "16 × NVIDIA H100 SXM",
    "80 GiB",
    "812 TFLOP/s",
    "940 / 936 Mbit/s",
  ]) {
    assert.ok(text.includes(part), `${part} in ${text}`);
  }
  for (const [name, state] of [
    ["cedar", "draining"],
    ["delta-school", "away"],
    ["ember", "invited"],
  ] as const) {
    const card = await page.getByRole("article", { name }).innerText();
    assert.ok(card.includes(state), card);
  }
  await done(watched);
});

test("an owner recalls a member only after a question, and Escape takes it back", async () => {
  const watched = await open("#/");
  const { page } = watched;
  const basalt = page.getByRole("article", { name: "basalt" });
  await basalt.getByRole("button", { name: "Recall" }).click();
  await sees(page, "Recall basalt?");
  await page.keyboard.press("Escape");
  assert.equal(pool.world.changes.get("basalt"), undefined);
  await basalt.getByRole("button", { name: "Recall" }).click();
  await page.getByLabel("Grace in seconds").fill("30");
  await shoot(page, "recall");
  await page.getByRole("dialog").getByRole("button", { name: "Recall" }).click();
  await basalt.getByText("recalled").waitFor();
  await basalt.getByRole("button", { name: "Resume" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Resume" }).click();
  await basalt.getByText("here").waitFor();
  await done(watched);
});

test("an invitation shows its command once; a refused one says why", async () => {
  const watched = await open("#/");
  const { page } = watched;
  await page.getByLabel("Name of the member").fill("aurora");
  await page.getByRole("button", { name: "Invite", exact: true }).click();
  await sees(page, "ALREADY_EXISTS");
  await sees(page, "Drain or recall it instead, or choose another name.");
  await page.getByLabel("Name of the member").fill("flint");
  await page.getByRole("button", { name: "Invite", exact: true }).click();
  await sees(page, /tequio join tqj1\./);
  await page.getByRole("button", { name: "Copy the join command" }).click();
  await sees(page, /Copied|Selected/);
  await shoot(page, "invited");
  await page.getByRole("button", { name: "Done" }).click();
  assert.equal(await page.getByText(/tequio join tqj1\./).count(), 0);
  await done(watched, "409");
});

test("jobs are filtered, and pages are turned there and back", async () => {
  const watched = await open("#/jobs");
  const { page } = watched;
  await sees(page, "protein-fold");
  await page.getByRole("button", { name: "Older" }).click();
  await sees(page, "Page 2");
  assert.equal(await page.getByText("protein-fold").count(), 0);
  await page.getByRole("button", { name: "Newer" }).click();
  await sees(page, "protein-fold");
  await page.getByRole("button", { name: "Queued" }).click();
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  assert.ok(page.url().endsWith("#/jobs?state=queued"));
  await done(watched);
});

test("a job file with a mistake names line, column and the nearest field", async () => {
  const watched = await open("#/jobs");
  const { page } = watched;
  await page.getByRole("button", { name: "Submit a job" }).click();
  await page.getByLabel("Command", { exact: true }).fill("python train.py\necho done");
  await page.getByLabel("Accelerators", { exact: true }).fill("H100:8");
  await page.getByRole("button", { name: "Job file" }).click();
  const file = page.getByLabel("Job file (YAML)");
  assert.match(await file.inputValue(), /shell: \|-\n {2}python train.py\n {2}echo done/);
  await file.fill("shell: ls\nresources:\n  accelerator: 8\n");
  await page.getByRole("button", { name: "Submit", exact: true }).click();
  await sees(page, "UNKNOWN_FIELD");
  await sees(page, /line 3, column/);
  await shoot(page, "job-file");
  await file.fill("shell: ls\nresources:\n  accelerators: 8\n");
  await page.getByRole("button", { name: "Command" }).click();
  assert.equal(await page.getByLabel("Accelerators", { exact: true }).inputValue(), "8");
  await page.getByRole("button", { name: "Submit", exact: true }).click();
  await page.waitForURL(/#\/jobs\/84$/);
  await done(watched);
});

test("a waiting job says why; a refused cancellation stays readable", async () => {
  const watched = await open("#/jobs/84");
  const { page } = watched;
  await sees(page, "It needs 16 accelerators of model H100 at one time; 3 are free.");
  await sees(page, "Place 3 of 12 that wait.");
  await sees(page, /project climate has used 140/);
  await sees(page, /in about 2 minutes instead of 21 minutes/);
  const rows = await page
    .locator("section", { hasText: "Reason" })
    .last()
    .locator("tr")
    .allInnerTexts();
  assert.match(rows.join("\n"), /3\s+The accelerator is not an H100/);
  await page.getByRole("button", { name: "Cancel the job" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel the job" }).click();
  await sees(page, "WRONG_STATE");
  await done(watched, "409");
});

test("a running job shows its leases and follows its log", async () => {
  const watched = await open("#/jobs/83");
  const { page } = watched;
  await sees(page, "The owner recalled basalt.");
  await sees(page, /step 119 loss/);
  pool.advance();
  await sees(page, /step 120 loss/);
  await done(watched);
});

test("a job that does not exist says so with its hint", async () => {
  const watched = await open("#/jobs/999");
  await sees(watched.page, "NOT_FOUND");
  await sees(watched.page, "Look at the list.");
  await done(watched, "404");
});

test("a run draws its curves, follows new rounds live, and answers a prompt", async () => {
  const watched = await open("#/runs/21", { colorScheme: "dark" });
  const { page } = watched;
  await page.locator(".chart canvas").nth(1).waitFor();
  const round = 24 + pool.world.rounds;
  await sees(page, `round ${round}`);
  pool.advance();
  await sees(page, `round ${round + 1}`);
  await page.getByRole("button", { name: "Tokens" }).click();
  assert.match(await page.locator(".u-legend").first().innerText(), /Tokens.*M/s);
  await page.getByRole("button", { name: "Continue" }).click();
  await sees(page, /The people of the United States/);
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByRole("button", { name: "Pause" }).waitFor();
  await shoot(page, "run-dark");
  await done(watched);
});

test("the statement adds up and is handed out as a file", async () => {
  const watched = await open("#/statement");
  const { page } = watched;
  await sees(page, "1:24:42");
  await page.getByRole("button", { name: "By project" }).click();
  await page.getByRole("heading", { name: "climate" }).waitFor();
  const waiting = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download CSV" }).click();
  const download = await waiting;
  const csv = readFileSync((await download.path())!, "utf8");
  assert.ok(csv.startsWith("member,project,jobId,"));
  assert.equal(csv.trim().split("\r\n").length, 7);
  await done(watched);
});

test("a broken stream is marked, the page goes on by asking, and the mark goes away", async () => {
  const watched = await open("#/runs/21");
  const { page } = watched;
  await page.locator(".live.live").waitFor();
  pool.cut();
  await page.locator(".live.reconnecting").waitFor();
  const round = 25 + pool.world.rounds;
  pool.advance();
  await sees(page, `round ${round}`);
  pool.mend();
  await page.locator(".live.live").waitFor({ timeout: 15_000 });
  await done(watched, "ERR_", "Failed to load resource");
});

test("text, edges and lines have enough contrast in light and dark", async () => {
  for (const colorScheme of ["light", "dark"] as const) {
    const watched = await open("#/", { colorScheme });
    const names = [
      "page",
      "panel",
      "sunken",
      "text",
      "muted",
      "link",
      "accent",
      "accent-soft",
    ].concat(
      ["good", "busy", "warn", "bad", "bad-soft", "idle", "edge", "on-accent"],
      Array.from({ length: 8 }, (_, i) => `line-${i}`),
    );
    const colours = await watched.page.evaluate((wanted) => {
      const style = getComputedStyle(document.documentElement);
      return wanted.map((name) => [name, style.getPropertyValue(`--${name}`).trim()] as const);
    }, names);
    const of = new Map(colours);
    const holds = (front: string, back: string, least: number) => {
      const ratio = contrast(of.get(front)!, of.get(back)!);
      assert.ok(ratio >= least, `${front} on ${back}, ${colorScheme}: ${ratio.toFixed(2)}`);
    };
    for (const back of ["page", "panel"]) {
      for (const front of ["text", "muted", "link", "good", "busy", "warn", "bad", "idle"]) {
        holds(front, back, 4.5);
      }
    }
    holds("on-accent", "accent", 4.5);
    holds("accent", "accent-soft", 4.5);
    holds("text", "bad-soft", 4.5);
    holds("bad", "bad-soft", 4.5);
    holds("muted", "sunken", 4.5);
    holds("edge", "panel", 3);
    for (let i = 0; i < 8; i += 1) holds(`line-${i}`, "panel", 3);
    await done(watched);
  }
});

test("every field has a name, and the keyboard reaches the content first", async () => {
  const watched = await open("#/jobs");
  const { page } = watched;
  await page.getByRole("button", { name: "Submit a job" }).click();
  for (const hash of HASHES) {
    await page.evaluate((to) => location.assign(to), hash);
    await page.locator("h1").waitFor();
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll<HTMLInputElement>("input, select, textarea")]
        .filter((field) => field.labels?.length === 0 && !field.ariaLabel)
        .map((field) => field.outerHTML),
    );
    assert.deepEqual(nameless, []);
  }
  await page.reload();
  await page.locator("h1").waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.locator(":focus").innerText(), "Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator(":focus").getAttribute("id"), "main");
  await done(watched);
});
