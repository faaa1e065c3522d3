// Signing in by the organisation: a real OpenID provider with its own pages, a real control plane
// and a real browser. What a provider may answer wrongly is tested in server/src/signin.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { openPage, startBrowser, type Watched } from "./testing/browser.ts";
import { freePort, makeProvider, type Provider } from "./testing/provider.ts";
import { type RealPool, startRealPool, until } from "./testing/real-pool.ts";

/** Longest wait for what the pool does in the background. The machine may have two slow cores. */
const WAIT = { timeout: 30_000 };

let browser: Browser;
let provider: Provider;
let pool: RealPool;

before(async () => {
  // Without a build there is nothing to look at: say so at once.
  readFileSync(join(import.meta.dirname, "dist", "index.html"));
  const port = await freePort();
  provider = await makeProvider(`http://127.0.0.1:${port}/v1/sign-in/oidc/callback`, {
    rosa: ["speech-lab", "choir"],
    nino: [],
  });
  pool = await startRealPool([
    ...["--port", String(port), "--oidc-issuer", provider.issuer],
    ...["--oidc-client-id", provider.clientId],
    ...["--oidc-role", "speech-lab=researcher:default"],
  ]);
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await pool?.stop();
  await provider?.stop();
});

/** A page that may ask the pool and the provider, and nobody else. */
async function open(): Promise<Watched> {
  const watched = await openPage(browser, pool.url);
  const known = [pool.url, provider.issuer];
  await watched.page.route(
    (url) => !known.includes(url.origin),
    (route) => route.abort(),
  );
  return watched;
}

const sees = (page: Page, text: string | RegExp): Promise<void> =>
  page.getByText(text).first().waitFor(WAIT);

/** Goes to the provider's pages; the pool asks one that was down again only after a while. */
async function toProvider(page: Page): Promise<void> {
  await until("the provider's page", async () => {
    const link = page.getByRole("link", { name: /^Sign in with / });
    await link.click();
    await page.waitForLoadState();
    return page.url().startsWith(provider.issuer);
  });
}

/** Fills in the provider's pages: who one is, and that the pool may know it. */
async function atProvider(page: Page, login: string): Promise<void> {
  await toProvider(page);
  await page.locator('input[name="login"]').fill(login);
  await page.locator('input[name="password"]').fill("any");
  await page.locator('button[type="submit"]').click();
  await page.locator('button[type="submit"]', { hasText: "Continue" }).click();
  await page.waitForURL(`${pool.url}/**`, WAIT);
}

test("a pool starts while its provider is down, and says so to whoever signs in", async () => {
  const watched = await open();
  const { page } = watched;
  await page.goto(`${pool.url}/#/runs`);
  await page.getByRole("link", { name: /^Sign in with / }).click();
  await sees(page, "OIDC_UNREACHABLE");
  await page.getByLabel("Password").waitFor();
  await page.reload();
  await page.getByLabel("Password").waitFor();
  assert.equal(await page.getByRole("alert").count(), 0, "what went wrong is said once");
  await provider.start();
  await watched.close();
});

test("the provider's groups become roles, and the reader gets where it wanted to go", async () => {
  const watched = await open();
  const { page } = watched;
  await page.goto(`${pool.url}/#/jobs`);
  await atProvider(page, "rosa");
  await page.getByRole("heading", { name: "Jobs" }).waitFor(WAIT);
  assert.ok(page.url().endsWith("#/jobs"), page.url());
  await page.locator(".live.live").waitFor(WAIT);
  await page.getByRole("button", { name: "Submit a job" }).waitFor();
  await page.goto(`${pool.url}/#/account`);
  await sees(page, "researcher of default");
  await sees(page, "Your organisation's sign-in looks after your password.");
  await page.getByRole("cell", { name: "organisation", exact: true }).waitFor();
  const users = await pool.client.call("listUsers", {});
  assert.ok(users.ok);
  const roles = users.value.rows.find(({ origin }) => origin === "oidc")?.roles;
  assert.deepEqual(roles, [{ role: "researcher", scope: "default", byGroup: true }]);
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.getByRole("link", { name: /^Sign in with / }).waitFor();
  await watched.close();
});

test("whom the provider names no group for is let in and told that it has no role", async () => {
  const watched = await open();
  const { page } = watched;
  await page.goto(`${pool.url}/`);
  await atProvider(page, "nino");
  await sees(page, "You have no role yet");
  await sees(page, /group/);
  await watched.close();
});
