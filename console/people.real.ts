// The pages about people, accounts and offers in a real browser, on the fake pool: what each role
// is offered, what a form refuses beside its field, what is shown once. Signing in against a real
// control plane is in sign-in.real.ts. Screenshots go to CONSOLE_SHOTS where that folder is named.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { openPage, startBrowser, type Watched } from "./testing/browser.ts";
import { type FakePool, startFakePool } from "./testing/fake-pool.ts";

const DIST = join(import.meta.dirname, "dist");
const SHOTS = process.env.CONSOLE_SHOTS;
const WIDTHS = [1_280, 390] as const;

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

/** Opens a page of the fake pool as the user of a token; an empty one is nobody's. */
async function open(token: string, hash: string, options = {}): Promise<Watched> {
  const watched = await openPage(browser, pool.url, options);
  const query = token === "" ? "" : `?token=${token}`;
  await watched.page.goto(`${pool.url}/${query}${hash}`);
  return watched;
}

/** Closes a page of which every error was expected. `expected` are parts of such messages. */
async function done(watched: Watched, ...expected: readonly string[]): Promise<void> {
  const surprises = watched.errors.filter((text) => !expected.some((part) => text.includes(part)));
  assert.deepEqual(surprises, []);
  assert.deepEqual(watched.strangers, []);
  await watched.close();
}

const sees = (page: Page, text: string | RegExp): Promise<void> =>
  page.getByText(text).first().waitFor();
const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
const inDialog = (page: Page, name: string) =>
  page.getByRole("dialog").getByRole("button", { name, exact: true }).click();
const navNames = (page: Page): Promise<string[]> =>
  page.getByRole("navigation", { name: "Pages" }).getByRole("link").allInnerTexts();

test("an operator makes a user, gives it a role and a link, and disables it", async () => {
  const watched = await open("test-token", "#/people");
  const { page } = watched;
  await page.getByLabel("Name", { exact: true }).fill("Fay Wray");
  await sees(page, /use lower-case letters, digits/);
  assert.ok(await button(page, "Create a user").isDisabled());
  await page.getByLabel("Name", { exact: true }).fill("fay");
  await page.keyboard.press("Enter");
  await page.waitForURL(/#\/people\/fay$/);
  await sees(page, "No role yet");
  await page.getByLabel("Role", { exact: true }).selectOption("researcher");
  await page.getByLabel("Project", { exact: true }).selectOption("climate");
  await button(page, "Give the role").click();
  await page.getByRole("cell", { name: "climate" }).waitFor();
  await button(page, "Make a sign-in link").click();
  await sees(page, `${pool.url}/#/invite/one-time`);
  await button(page, "Done").click();
  assert.equal(await page.getByText("/#/invite/").count(), 0, "the link is shown once");
  await button(page, "Take back").click();
  await inDialog(page, "Take back");
  await sees(page, "No role yet");
  await button(page, "Disable").click();
  await page.getByRole("dialog").getByRole("button", { name: "Are cancelled" }).click();
  await inDialog(page, "Disable");
  await page.locator("h1 .badge", { hasText: "disabled" }).waitFor();
  await button(page, "Enable").waitFor();
  await done(watched);
});

test("people are found by a part of the name and by role", async () => {
  const watched = await open("test-token", "#/people");
  const { page } = watched;
  const rows = page.locator("tbody tr");
  await page.getByRole("link", { name: "ana" }).waitFor();
  await page.getByLabel("Search by name").fill("or");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  assert.match(await rows.first().innerText(), /dora.*project-lead of climate, auditor/);
  await page.getByLabel("Search by name").fill("");
  await page.getByLabel("With the role").selectOption("researcher");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  assert.match(await rows.first().innerText(), /bo.*researcher of climate/);
  await page.getByLabel("Search by name").fill("zz");
  await sees(page, "No user matches.");
  await done(watched);
});

test("roles limit what is offered: a member admin, a researcher, nobody's role", async () => {
  const ana = await open("ana-token", "#/people");
  await sees(ana.page, "What each role may do");
  assert.deepEqual(await navNames(ana.page), [
    ...["Pool", "Jobs", "Runs", "Statement", "Members", "Projects", "People"],
    "Reservations",
  ]);
  assert.equal(await ana.page.getByText("Create a user").count(), 0);
  await ana.page.goto(`${pool.url}/#/members/basalt`);
  await sees(ana.page, "What is lent");
  for (const name of ["Change the terms", "Drain", "Revoke the key", "Plan the window"]) {
    assert.equal(await button(ana.page, name).count(), 0, `${name} is not for basalt's strangers`);
  }
  await ana.page.goto(`${pool.url}/#/members/aurora`);
  await button(ana.page, "Change the terms").waitFor();
  await button(ana.page, "Recall").waitFor();
  await done(ana);

  const bo = await open("bo-token", "#/");
  await sees(bo.page, "Valley of Oaxaca pool");
  await bo.page.getByRole("article", { name: "aurora" }).waitFor();
  assert.ok(!(await navNames(bo.page)).includes("People"));
  assert.equal(await button(bo.page, "Recall").count(), 0);
  assert.equal(await bo.page.getByLabel("Name of the member").count(), 0);
  await bo.page.goto(`${pool.url}/#/people`);
  await sees(bo.page, "Not for your roles");
  await sees(bo.page, "users.read");
  await done(bo);

  const cy = await open("cy-token", "#/jobs");
  await sees(cy.page, "You have no role yet");
  assert.deepEqual(await navNames(cy.page), []);
  await done(cy);
});

test("an admin changes its offer: faults stand at fields, a stale form is refused", async () => {
  const watched = await open("ana-token", "#/members/aurora");
  const { page } = watched;
  await sees(page, "Mon-Fri 18:00-08:00, Sat-Sun (America/Mexico_City)");
  await button(page, "Change the terms").click();
  const time = page.getByLabel("Longest time limit of a job");
  await time.fill("soon");
  const fault = await time.getAttribute("aria-describedby");
  const ids = (fault ?? "").split(" ");
  assert.equal(await page.locator(`[id="${ids.at(-1)}"]`).innerText(), "write e.g. 90m, 12h or 2d");
  await button(page, "Save the terms").click();
  await sees(page, "Some fields need a change");
  await time.fill("2d");
  await button(page, "Add a line").click();
  await page.getByLabel("Node", { exact: true }).nth(1).fill("gpu-*");
  await page.getByLabel("At most").nth(1).fill("4");
  await page.getByLabel("Hours in which it is lent").fill("daily 22:00-06:00");
  await button(page, "Save the terms").click();
  await sees(page, "Saved. Leases that no longer fit are recalled within the grace.");
  await sees(page, "12 × H100; 4 × on gpu-*");
  await sees(page, "daily 22:00-06:00 (America/Mexico_City)");
  await sees(page, "version 4");

  const other = await open("ana-token", "#/members/aurora");
  await button(other.page, "Change the terms").click();
  await button(page, "Change the terms").click();
  await page.getByLabel("Recall grace in seconds").fill("30");
  await button(page, "Save the terms").click();
  await sees(page, "version 5");
  await button(other.page, "Save the terms").click();
  await sees(other.page, "The offer is another by now.");
  await done(other, "409");
  await button(page, "Change the terms").click();
  await button(page, "Back to the default").click();
  await inDialog(page, "Back to the default");
  await sees(page, "version 6");
  await done(watched);
});

test("a maintenance window ends after it begins; it is planned and cancelled", async () => {
  const watched = await open("ana-token", "#/members/aurora");
  const { page } = watched;
  await page.getByLabel("From").fill("2031-05-02T08:00");
  await page.getByLabel("To", { exact: true }).fill("2031-05-02T07:00");
  await sees(page, "a window ends after it begins");
  assert.ok(await button(page, "Plan the window").isDisabled());
  await page.getByLabel("To", { exact: true }).fill("2031-05-02T12:00");
  await page.getByLabel("Reason").fill("new switches");
  await button(page, "Plan the window").click();
  await page.getByRole("cell", { name: "new switches" }).waitFor();
  await page.getByRole("cell", { name: "2031-05-02 08:00" }).waitFor();
  await button(page, "Cancel").click();
  await inDialog(page, "Cancel");
  await sees(page, "None is planned.");
  await done(watched);
});

test("one's own tokens, sessions and passkeys are made, ended and named", async () => {
  const watched = await open("ana-token", "#/account");
  const { page } = watched;
  await page.getByLabel("Label").fill("bench");
  await page.getByText("Cut it down to").click();
  await page.getByLabel("usage.read").check();
  assert.equal(await page.getByLabel("users.manage").count(), 0, "not hers to give");
  await button(page, "Make a token").click();
  await sees(page, "tq_3vXq9sTn0eVkq1Wc7mZ5uA");
  await button(page, "Copy the token").click();
  await sees(page, /Copied|Selected/);
  await button(page, "Done").click();
  assert.equal(await page.getByText("tq_3v").count(), 0, "the token is shown once");
  const bench = page.locator("tr", { hasText: "bench" });
  assert.match(await bench.innerText(), /usage\.read/);
  await bench.getByRole("button", { name: "Revoke" }).click();
  await inDialog(page, "Revoke");
  await bench.waitFor({ state: "detached" });
  await page.getByLabel("Show revoked and expired ones").check();
  assert.match(await bench.innerText(), /revoked/);
  await button(page, "Sign out everywhere else").click();
  await inDialog(page, "Sign out everywhere else");
  await page.getByText("tequio/0.1.0 linux").waitFor({ state: "detached" });
  await sees(page, "this one");
  await button(page, "Rename").click();
  await page.getByRole("dialog").getByLabel("Name of the passkey").fill("green key");
  await inDialog(page, "Rename");
  await page.getByRole("cell", { name: "green key" }).waitFor();
  await done(watched);
});

test("the sign-in page offers every way, and each refusal is said", async () => {
  const watched = await open("", "#/jobs");
  const { page } = watched;
  const provider = page.getByRole("link", { name: "Sign in with Universidad de Oaxaca" });
  assert.equal(await provider.getAttribute("href"), "/v1/sign-in/oidc?next=%23%2Fjobs");
  await button(page, "Sign in with a passkey").waitFor();
  await page.getByLabel("Name").fill("ana");
  await page.getByLabel("Password").fill("wrong");
  await page.keyboard.press("Enter");
  await sees(page, "SIGN_IN_FAILED");
  assert.equal(await page.getByLabel("Password").inputValue(), "");
  await page.goto(`${pool.url}/#/invite/old`);
  await sees(page, "INVITE_INVALID");
  await page.getByRole("link", { name: "To the sign-in page" }).click();
  await page.getByLabel("Password").waitFor();
  await page.goto(`${pool.url}/#/invite/one-time`);
  await page.getByLabel("New password").fill("short");
  await sees(page, "10 characters are missing.");
  await page.getByLabel("New password").fill("correct horse battery");
  await page.getByLabel("The same again").fill("correct house");
  await sees(page, "The two are not the same.");
  assert.ok(await button(page, "Set the password and sign in").isDisabled());
  await done(watched, "401", "403");
});

test("a pool that does not answer is asked again until it does", async () => {
  const watched = await openPage(browser, pool.url);
  const { page } = watched;
  await page.route("**/v1/me", (route) => route.abort());
  await page.goto(`${pool.url}/#/jobs`);
  await sees(page, "POOL_UNREACHABLE");
  await page.unroute("**/v1/me");
  await page.getByLabel("Password").waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
  await done(watched, "401", "ERR_");
});

test("a program is let in only after who asks was shown", async () => {
  const watched = await open("ana-token", "#/device/WXYZ-1234");
  const { page } = watched;
  await sees(page, "It must show the code WXYZ-1234.");
  await sees(page, "tequio/0.1.0 linux, from 10.0.0.7, wants to act as you.");
  await button(page, "Let it in").click();
  await sees(page, "Done: the program is signed in.");
  await done(watched);
});

test("every page fits its width, every field and every button has a name", async () => {
  const places = [
    ["test-token", ["people", "people/ana", "projects", "projects/climate"]],
    ["ana-token", ["members/aurora", "account"]],
    ["", ["jobs", "invite/one-time"]],
  ] as const;
  for (const width of WIDTHS) {
    const colorScheme = width === 390 ? "dark" : "light";
    for (const [token, names] of places) {
      const watched = await open(token, "", { viewport: { width, height: 900 }, colorScheme });
      const { page } = watched;
      for (const name of names) {
        await page.evaluate((to) => location.assign(to), `#/${name}`);
        await page.locator("h1").first().waitFor();
        await page.locator(".panel").first().waitFor();
        await page.waitForTimeout(300);
        if (name === "members/aurora") await button(page, "Change the terms").click();
        await inspect(page, `${name} at ${width}`);
        if (SHOTS !== undefined) {
          const path = join(SHOTS, `people-${width}-${name.replace("/", "-")}.png`);
          await page.screenshot({ path, fullPage: true });
        }
      }
      await done(watched, "401");
    }
  }
});

/** Opens every fold of a page, and fails for a field without a name and for what stands out. */
async function inspect(page: Page, name: string): Promise<void> {
  const nameless = await page.evaluate(() => {
    for (const fold of document.querySelectorAll("details")) fold.open = true;
    const isBare = (field: HTMLInputElement) => !field.labels?.length && !field.ariaLabel;
    const fields = document.querySelectorAll<HTMLInputElement>("input, select, textarea");
    const buttons = document.querySelectorAll<HTMLElement>("button, a, summary");
    return [
      ...[...fields].filter(isBare),
      ...[...buttons].filter((one) => !one.innerText.trim() && !one.ariaLabel),
    ].map((one) => one.outerHTML);
  });
  assert.deepEqual(nameless, [], name);
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wider <= 0, `${name} is ${wider} px too wide`);
}

test("by the keyboard alone a member's terms are opened, changed and saved", async () => {
  const watched = await open("ana-token", "#/members/aurora");
  const { page } = watched;
  const edit = button(page, "Change the terms");
  await edit.focus();
  await page.keyboard.press("Enter");
  const grace = page.getByLabel("Recall grace in seconds");
  await grace.waitFor();
  // From the button to the field by Tab alone; a form has not more stops than this.
  for (let stop = 0; stop < 40; stop += 1) {
    await page.keyboard.press("Tab");
    if (await grace.evaluate((field) => field === document.activeElement)) break;
  }
  await page.keyboard.press("Control+A");
  await page.keyboard.type("45");
  await page.keyboard.press("Enter");
  await sees(page, "45 s");
  await done(watched);
});
