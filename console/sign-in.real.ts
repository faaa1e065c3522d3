// Signing in on a real control plane in a real browser: by a link and a password, by a passkey of
// Chromium's virtual authenticator, and by the pages of a real OpenID provider; what the roles then
// open, and how sessions end. Screenshots go to CONSOLE_SHOTS where that folder is named.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { makeClient, type WhoamiView } from "@tequio/contract";
import type { Browser, Page } from "playwright-core";
import { openPage, startBrowser, type Watched } from "./testing/browser.ts";
import { type RealPool, startRealPool } from "./testing/real-pool.ts";

const SHOTS = process.env.CONSOLE_SHOTS;
const PASSWORD = "tortillas de maiz azul";
/** Longest wait for what the pool does in the background. The machine may have two slow cores. */
const WAIT = { timeout: 30_000 };

type Role = WhoamiView["roles"][number]["role"];

let browser: Browser;
let pool: RealPool;
/** Browsers make passkeys for a name only, not for a number as address. */
let local: string;

before(async () => {
  // Without a build there is nothing to look at: say so at once.
  readFileSync(join(import.meta.dirname, "dist", "index.html"));
  if (SHOTS !== undefined) mkdirSync(SHOTS, { recursive: true });
  pool = await startRealPool();
  local = pool.url.replace("127.0.0.1", "localhost");
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await pool?.stop();
});

/** Closes a page of which every error was expected. `expected` are parts of such messages. */
async function done(watched: Watched, ...expected: readonly string[]): Promise<void> {
  const surprises = watched.errors.filter((text) => !expected.some((part) => text.includes(part)));
  assert.deepEqual(surprises, []);
  assert.deepEqual(watched.strangers, []);
  await watched.close();
}

const sees = (page: Page, text: string | RegExp): Promise<void> =>
  page.getByText(text).first().waitFor(WAIT);
const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
const inDialog = (page: Page, name: string) =>
  page.getByRole("dialog").getByRole("button", { name, exact: true }).click();
const navNames = (page: Page): Promise<string[]> =>
  page.getByRole("navigation", { name: "Pages" }).getByRole("link").allInnerTexts();
const isLive = (page: Page): Promise<void> => page.locator(".live.live").waitFor(WAIT);

async function shoot(page: Page, name: string): Promise<void> {
  if (SHOTS === undefined) return;
  await page.screenshot({ path: join(SHOTS, `sign-in-${name}.png`), fullPage: true });
}

/** A user with a role, and the secret of its one-time link. */
async function invited(name: string, role: Role, scope?: string): Promise<string> {
  const params = { name };
  assert.ok((await pool.client.call("setUser", { params, body: {} })).ok);
  const about = scope === undefined ? {} : { scope };
  const given = await pool.client.call("grantRole", { params, body: { role, ...about } });
  assert.ok(given.ok, JSON.stringify(given));
  const link = await pool.client.call("inviteUser", { params, body: {} });
  assert.ok(link.ok, JSON.stringify(link));
  return link.value.url.slice(link.value.url.indexOf("#"));
}

async function setPassword(page: Page, password: string): Promise<void> {
  await page.getByLabel("New password").fill(password);
  await page.getByLabel("The same again").fill(password);
  await button(page, "Set the password and sign in").click();
}

async function signIn(page: Page, name: string, password: string): Promise<void> {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
}

test("a user sets a password by the operator's link and sees what its role opens", async () => {
  const boss = await openPage(browser, pool.url);
  await boss.page.goto(`${pool.url}/?token=${pool.token}#/people`);
  await boss.page.getByLabel("Name", { exact: true }).fill("ben");
  await button(boss.page, "Create a user").click();
  await boss.page.waitForURL(/#\/people\/ben$/);
  await boss.page.getByLabel("Role", { exact: true }).selectOption("researcher");
  await boss.page.getByLabel("Project", { exact: true }).selectOption("default");
  await button(boss.page, "Give the role").click();
  await boss.page.getByRole("cell", { name: "researcher" }).waitFor();
  await button(boss.page, "Make a sign-in link").click();
  const link = await boss.page.locator(".copy code").innerText();

  const ben = await openPage(browser, pool.url);
  const { page } = ben;
  await page.goto(link);
  await sees(page, "Welcome, ben");
  await setPassword(page, "passwordpassword");
  await sees(page, "PASSWORD_WEAK");
  await setPassword(page, PASSWORD);
  await sees(page, "researcher of default");
  await isLive(page);
  assert.equal(await page.evaluate(() => document.cookie), "", "no script reads the session");
  const names = await navNames(page);
  assert.ok(names.includes("Jobs") && !names.includes("People"), names.join());
  await page.goto(`${pool.url}/#/jobs`);
  await button(page, "Submit a job").click();
  await page.getByLabel("Command", { exact: true }).fill("true");
  await button(page, "Submit").click();
  await page.waitForURL(/#\/jobs\/1$/);
  await button(page, "Cancel the job").click();
  await inDialog(page, "Cancel the job");
  await page.locator("h1 .badge", { hasText: "cancelled" }).waitFor(WAIT);
  await shoot(page, "researcher");
  await page.reload();
  await page.locator("h1 .badge", { hasText: "cancelled" }).waitFor(WAIT);

  await page.goto(link);
  await sees(page, "INVITE_INVALID");
  await done(ben, "422", "403");
  await done(boss);
});

test("a password signs in, a wrong one does not; signing out ends the session", async () => {
  const link = await invited("eva", "researcher", "default");
  const first = await openPage(browser, pool.url);
  await first.page.goto(`${pool.url}/${link}`);
  await setPassword(first.page, PASSWORD);
  await isLive(first.page);

  const second = await openPage(browser, pool.url);
  const { page } = second;
  await page.goto(`${pool.url}/#/account`);
  await signIn(page, "eva", "something else entirely");
  await sees(page, "SIGN_IN_FAILED");
  await shoot(page, "refused");
  await signIn(page, "eva", PASSWORD);
  await isLive(page);
  await page.getByRole("cell", { name: "this one" }).waitFor();
  assert.equal(await page.getByRole("cell", { name: "Chrome on Linux" }).count(), 2);
  await button(page, "Change the password").click();
  await page.getByLabel("Password of now").fill(PASSWORD);
  await page.getByLabel("New password").fill(`${PASSWORD} y blanco`);
  await page.getByLabel("The same again").fill(`${PASSWORD} y blanco`);
  await page.locator("form.narrow").getByRole("button", { name: "Change the password" }).click();
  await sees(page, "The password is set. Your other sessions have ended.");
  // The other browser is told at once, not at its next click.
  await first.page.getByLabel("Password").waitFor(WAIT);
  await button(page, "Sign out").click();
  await page.getByLabel("Password").waitFor();
  await page.reload();
  await page.getByLabel("Password").waitFor();
  await done(second, "401");
  await done(first, "401");
});

test("a disabled user is signed out at once and told why", async () => {
  const link = await invited("kai", "researcher", "default");
  const watched = await openPage(browser, pool.url);
  const { page } = watched;
  await page.goto(`${pool.url}/${link}`);
  await setPassword(page, PASSWORD);
  await isLive(page);
  const body = { action: "disable" as const };
  assert.ok((await pool.client.call("changeUser", { params: { name: "kai" }, body })).ok);
  await page.getByLabel("Password").waitFor(WAIT);
  await sees(page, "TOKEN_REVOKED");
  await signIn(page, "kai", PASSWORD);
  await sees(page, /USER_DISABLED|SIGN_IN_FAILED/);
  await done(watched, "401", "403");
});

/** Gives the page an authenticator that says yes by itself, as a fingerprint reader would. */
async function withAuthenticator(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send("WebAuthn.enable");
  const options = {
    ...{ protocol: "ctap2" as const, transport: "internal" as const },
    ...{ hasResidentKey: true, hasUserVerification: true, isUserVerified: true },
    automaticPresenceSimulation: true,
  };
  await session.send("WebAuthn.addVirtualAuthenticator", { options });
}

test("a passkey is made by a link, signs in without a name, and is named and removed", async () => {
  const link = await invited("pia", "operator");
  const watched = await openPage(browser, local);
  const { page } = watched;
  await withAuthenticator(page);
  await page.goto(`${local}/${link}`);
  await page.getByLabel("Name of the passkey").fill("blue key");
  await button(page, "Make the passkey and sign in").click();
  await isLive(page);
  await page.getByRole("cell", { name: "blue key" }).waitFor(WAIT);
  await button(page, "Sign out").click();
  await button(page, "Sign in with a passkey").click();
  await isLive(page);
  await sees(page, "operator");
  await page.goto(`${local}/#/account`);
  await page.getByLabel("Name of the passkey").fill("the same again");
  await button(page, "Add a passkey").click();
  await sees(page, "This authenticator holds a passkey for you already.");
  await button(page, "Remove").click();
  await inDialog(page, "Remove");
  await sees(page, "WRONG_STATE");
  await page.getByRole("dialog").getByRole("button", { name: "Go back" }).click();
  await button(page, "Rename").click();
  await page.getByRole("dialog").getByLabel("Name of the passkey").fill("green key");
  await inDialog(page, "Rename");
  await page.getByRole("cell", { name: "green key" }).waitFor();
  await button(page, "Set a password").click();
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByLabel("The same again").fill(PASSWORD);
  await page.locator("form.narrow").getByRole("button", { name: "Set a password" }).click();
  await sees(page, "The password is set.");
  await button(page, "Remove").click();
  await inDialog(page, "Remove");
  await sees(page, "You have no passkey yet.");
  await shoot(page, "account");
  await done(watched, "401", "409");
});

test("a member's admin changes what is lent: the pool's refusal stands at its field", async () => {
  assert.ok((await pool.client.call("inviteMember", { body: { name: "lab" } })).ok);
  assert.ok((await pool.client.call("inviteMember", { body: { name: "plant" } })).ok);
  const link = await invited("lea", "member-admin", "lab");
  const watched = await openPage(browser, pool.url);
  const { page } = watched;
  await page.goto(`${pool.url}/${link}`);
  await setPassword(page, PASSWORD);
  await isLive(page);
  await page.goto(`${pool.url}/#/members/plant`);
  await sees(page, "What is lent");
  assert.equal(await button(page, "Change the terms").count(), 0);
  await page.goto(`${pool.url}/#/members/lab`);
  await sees(page, "never changed");
  await button(page, "Change the terms").click();
  const hours = page.getByLabel("Hours in which it is lent");
  await hours.fill("Mon-Fri 18:00-08:00\nSat-Sun");
  await page.getByLabel("Time zone").fill("Mars/Olympus");
  await button(page, "Save the terms").click();
  const fault = page.locator("small.fault");
  assert.match(await fault.innerText(), /Mars/);
  await shoot(page, "offer-refused");
  await page.getByLabel("Time zone").fill("America/Mexico_City");
  await page.getByLabel("Credits an hour, GPU").fill("2.5");
  await page.getByLabel("The member's own projects").fill("default");
  await button(page, "Save the terms").click();
  await sees(page, "Mon-Fri 18:00-08:00, Sat-Sun (America/Mexico_City)");
  await sees(page, /version \d+ by lea/);
  await page.getByLabel("From").fill("2031-05-02T08:00");
  await page.getByLabel("To", { exact: true }).fill("2031-05-02T12:00");
  await page.getByLabel("Reason").fill("new switches");
  await button(page, "Plan the window").click();
  await page.getByRole("cell", { name: "new switches" }).waitFor(WAIT);
  await button(page, "Cancel").click();
  await inDialog(page, "Cancel");
  await sees(page, "None is planned.");
  await shoot(page, "offer");
  await done(watched, "422", "400");
});

test("a program on another machine is let in by its code, as the user who let it in", async () => {
  const link = await invited("ivo", "researcher", "default");
  const program = makeClient({ url: pool.url });
  const started = await program.call("startDevice", { body: {} });
  assert.ok(started.ok, JSON.stringify(started));
  const { deviceId, userCode } = started.value;
  const watched = await openPage(browser, pool.url);
  const { page } = watched;
  await page.goto(`${pool.url}/${link}`);
  await setPassword(page, PASSWORD);
  await isLive(page);
  await page.goto(`${pool.url}/#/device`);
  await page.getByLabel("Code").fill("WRNG-CODE");
  await button(page, "Go on").click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Code").fill(userCode);
  await button(page, "Go on").click();
  await sees(page, `It must show the code ${userCode}.`);
  const early = await program.call("pollDevice", { body: { deviceId } });
  assert.ok(early.ok && early.value.state === "waiting");
  await button(page, "Let it in").click();
  await sees(page, "Done: the program is signed in.");
  await sleep(started.value.intervalMs);
  const late = await program.call("pollDevice", { body: { deviceId } });
  assert.ok(late.ok && late.value.state === "done", JSON.stringify(late));
  assert.equal(late.value.signedIn.name, "ivo");
  await page.goto(`${pool.url}/#/account`);
  await page.getByRole("cell", { name: "code", exact: true }).waitFor(WAIT);
  await shoot(page, "account-sessions");
  await done(watched, "400");
});
