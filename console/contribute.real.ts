// A browser tab as a site of a real pool: the link of an invitation is opened, the person agrees,
// the tab trains beside an agent, is paused, loaded again, closed in the middle, and the run goes
// on without it. Its work is in the books of the member and its lines in the run's log.
// Screenshots go to CONSOLE_SHOTS where that folder is named.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Page } from "playwright-core";
import { openPage, startBrowser } from "./testing/browser.ts";
import { type RealPool, startRealPool } from "./testing/real-pool.ts";

const SHOTS = process.env.CONSOLE_SHOTS;
/** Two slow cores compile the engine and train on both sites. */
const WAIT = { timeout: 45_000 };
/** From the close of the tab until the run counts on it no more; a silent site has 50 s. */
const GONE_MS_MAX = 3_000;

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

const linkOf = (joinToken: string): string =>
  `${pool.url}/#/contribute/${encodeURIComponent(joinToken)}`;

/** Once as it is, once dark, once on a narrow screen. */
async function shoot(page: Page, name: string): Promise<void> {
  if (SHOTS === undefined) return;
  const wide = page.viewportSize()!;
  await page.screenshot({ path: join(SHOTS, `${name}.png`) });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.screenshot({ path: join(SHOTS, `${name}-dark.png`) });
  await page.setViewportSize({ width: 360, height: 780 });
  await page.emulateMedia({ colorScheme: "light" });
  await page.screenshot({ path: join(SHOTS, `${name}-narrow.png`), fullPage: true });
  await page.setViewportSize(wide);
}

const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });

async function agree(page: Page): Promise<void> {
  assert.ok(await button(page, "Start").isDisabled(), "nothing starts without consent");
  await page.getByRole("checkbox").check();
  await button(page, "Start").click();
}

const taken = async (page: Page): Promise<number> =>
  Number(await page.locator(".stat dd").first().innerText());

const contributes = (page: Page, least: number) =>
  page.waitForFunction(
    (count) => Number(document.querySelector(".stat dd")?.textContent) >= count,
    least,
    WAIT,
  );

/** The open lease of a member's tab; its end, and how the pool counts the site. */
async function siteOf(member: string) {
  const got = await pool.client.call("getMember", { params: { name: member } });
  assert.ok(got.ok, JSON.stringify(got));
  return got.value.sites.at(-1)!;
}

async function leasesOf(jobId: string, member: string) {
  const got = await pool.client.call("getJob", { params: { id: jobId } });
  assert.ok(got.ok, JSON.stringify(got));
  return got.value.leases.filter((lease) => lease.member === member);
}

async function within(what: string, ms: number, done: () => Promise<boolean>): Promise<number> {
  const fromMs = performance.now();
  while (!(await done())) {
    assert.ok(performance.now() - fromMs < ms, `${what} within ${ms} ms`);
    await sleep(50);
  }
  return performance.now() - fromMs;
}

/** Rounds of some seconds: a pool leaves a site out whose exchange fills its rounds. */
const RUN = {
  model: { context: 64, width: 64, layers: 2, heads: 2 },
  ...{ referenceBatch: 4, innerSteps: 200, warmUpSteps: 50 },
  stop: { rounds: 10_000 },
};

async function submit(name: string): Promise<string> {
  const sent = await pool.client.call("submitJob", { body: { name, run: RUN } });
  assert.ok(sent.ok, JSON.stringify(sent));
  return sent.value.id;
}

test("a tab is asked, trains, pauses, is loaded again and closed; it was counted", async (t) => {
  const link = linkOf(await invite("alice"));
  const offer = { bandwidth: [{ upMbitPerS: 80, downMbitPerS: 400, hours: null }] };
  const set = await pool.client.call("setOffer", { params: { name: "alice" }, body: { offer } });
  assert.ok(set.ok, JSON.stringify(set));
  const bob = pool.agent("bob", await invite("bob"));
  const id = await submit("speeches");
  const watched = await openPage(browser, pool.url);
  const { page } = watched;
  await page.goto(link);
  await page.getByText("speeches").waitFor(WAIT);
  await page.getByText("at most 80 Mbit/s up").waitFor(WAIT);
  await shoot(page, "contribute-asked");
  await agree(page);
  await bob;
  await contributes(page, 1);
  await page.getByText(/Computes on WebAssembly/).waitFor(WAIT);
  await shoot(page, "contribute-trains");

  await button(page, "Pause").click();
  await page.getByText("Paused: nothing is computed").waitFor(WAIT);
  const isIdle = async () => (await leasesOf(id, "alice")).every((one) => one.state === "ended");
  t.diagnostic(`lease given back ${Math.round(await within("pause", GONE_MS_MAX, isIdle))} ms`);
  await button(page, "Go on").click();
  await contributes(page, (await taken(page)) + 1);

  const before = (await leasesOf(id, "alice")).length;
  await page.reload();
  await contributes(page, 1);
  const leases = await leasesOf(id, "alice");
  assert.ok(leases.length > before, "the page before it gave its lease back");
  assert.equal(leases.filter((one) => one.state !== "ended").length, 1);

  const roundOf = async (): Promise<number> => {
    const run = await pool.client.call("getRun", { params: { id } });
    assert.ok(run.ok && run.value.state !== "ended", JSON.stringify(run));
    return run.value.round;
  };
  const seen = await taken(page);
  assert.deepEqual([watched.errors, watched.strangers], [[], []]);
  await page.close({ runBeforeUnload: true });
  const goneMs = await within("closing", GONE_MS_MAX, isIdle);
  t.diagnostic(`closed tab's lease ended after ${Math.round(goneMs)} ms`);
  assert.equal((await siteOf("alice")).state, "away");
  const round = await roundOf();
  await within("the next rounds", 20_000, async () => (await roundOf()) >= round + 2);
  await watched.close();

  const usage = await pool.client.call("getUsage", {});
  assert.ok(usage.ok, JSON.stringify(usage));
  const line = usage.value.lines.find((one) => one.member === "alice" && one.jobId === id);
  assert.ok(line !== undefined, "the member of the link has a line in the books");
  assert.ok(line.rounds >= seen, `${line.rounds} rounds in the books, ${seen} on the page`);
  assert.ok(line.deviceMs > 0 && line.tokens > 0 && line.microCredits > 0, JSON.stringify(line));
  const attempt = leases.find((one) => one.state === "ended")!.attempt;
  const log = await pool.client.call("readLog", {
    params: { id },
    query: { attempt, task: 0, offset: 0, limit: 65_536 },
  });
  assert.ok(log.ok, JSON.stringify(log));
  assert.match(Buffer.from(log.value.data, "base64").toString(), /executor WebAssembly/);
  const stopped = await pool.client.call("cancelJob", { params: { id } });
  assert.ok(stopped.ok, JSON.stringify(stopped));
});

test("a link that was taken back says so, also to an open tab; stop is for good", async () => {
  const [early, late, third] = [await invite("carol"), await invite("dan"), await invite("eve")];
  const change = (name: string, body: object) =>
    pool.client.call("changeMember", { params: { name }, body: body as never });
  const watched = await openPage(browser, pool.url);
  const { page } = watched;
  assert.ok((await change("carol", { action: "revoke-invitation" })).ok);
  await page.goto(linkOf(early));
  await page.getByText(/The join token was revoked/).waitFor(WAIT);
  assert.equal(await button(page, "Start").count(), 0);
  await shoot(page, "contribute-revoked");

  const next = await openPage(browser, pool.url);
  await next.page.goto(linkOf(late));
  await agree(next.page);
  await next.page.getByText("Waiting for a run to train").waitFor(WAIT);
  const { siteId } = await siteOf("dan");
  assert.ok((await change("dan", { action: "revoke-site", site: siteId })).ok);
  await next.page.getByText("The pool refused").waitFor(WAIT);
  await next.page.getByText(/was revoked by an operator/).waitFor(WAIT);
  await shoot(next.page, "contribute-refused");
  await next.close();

  const last = await openPage(browser, pool.url);
  await last.page.goto(linkOf(third));
  await agree(last.page);
  await button(last.page, "Stop").click();
  await last.page.getByText("Stopped. Thank you.").waitFor(WAIT);
  await within("stop", 6_000, async () => (await siteOf("eve")).state === "away");
  await last.page.reload();
  await button(last.page, "Start").waitFor(WAIT);
  await last.close();
  await watched.close();
});
