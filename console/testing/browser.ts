// A real browser for the console's suite: Debian's Chromium, watched for errors of the page and
// for requests to any other host.
import { accessSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const CHROMIUM = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
/** Keeps Chromium from calling home: the suite must not need a network. */
const ARGS = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts Chromium; says how to get it where it is missing. */
export async function startBrowser(): Promise<Browser> {
  try {
    accessSync(CHROMIUM);
  } catch {
    throw new Error(`No browser at ${CHROMIUM}: apt-get install chromium, or set CHROMIUM_PATH.`);
  }
  return await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
}

export interface Watched {
  readonly page: Page;
  /** What the page's console and uncaught errors said. */
  readonly errors: readonly string[];
  /** Addresses outside the pool that the page asked for. */
  readonly strangers: readonly string[];
  readonly close: () => Promise<void>;
}

/** Opens a page that is watched from its first byte. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext({
    viewport: { width: 1_280, height: 900 },
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(8_000);
  const errors: string[] = [];
  const strangers: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") errors.push(message.text());
  });
  page.on("request", (request) => {
    const own = request.url().startsWith(`${url}/`) || request.url().startsWith("blob:");
    if (!own) strangers.push(request.url());
  });
  return { page, errors, strangers, close: () => context.close() };
}
