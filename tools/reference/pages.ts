// All pages of docs/reference as texts, and the comparison with what lies in the folder. Writing
// them is left to ../reference.ts, so that the test can look without touching anything.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { apiPage, openApiPage } from "./api-page.ts";
import { cliPage } from "./cli-page.ts";
import { CODE_SOURCES, errorsPage, exitCodesPage, limitsPage } from "./codes-pages.ts";
import { EVENT_SOURCES, eventsPage } from "./events-page.ts";
import { codecPage, gatewayPage, WIRE_SOURCES } from "./gateway-page.ts";
import { jobFilePage } from "./job-file-page.ts";
import { type Page, table } from "./markdown.ts";
import { metricsPage } from "./metrics-page.ts";
import { rolesPage } from "./roles-page.ts";
import { readSources } from "./source.ts";

/** Folder of the pages, from the root. */
export const FOLDER = "docs/reference";

const ABOUT: Readonly<Record<string, string>> = {
  "api.md": "HTTP API: endpoints, callers, fields",
  "cli.md": "command line: verbs and flags",
  "codec.md": "wire format of coded vectors",
  "errors.md": "error codes, and reasons to wait",
  "events.md": "events of the journal",
  "exit-codes.md": "what the command line ends with",
  "gateway.md": "messages between agents and the pool",
  "job-file.md": "the job file",
  "limits.md": "every limit with its reason",
  "roles.md": "roles, permissions, and who may send which request",
  "metrics.md": "metrics for Prometheus, and under Slurm's names",
  "openapi.json": "the API for programs (OpenAPI 3.1)",
};

function indexPage(pages: readonly Page[]): Page {
  const rows = pages.map(({ file }) => [`[${file}](${file})`, ABOUT[file] ?? ""]);
  const made = "Made by `npm run docs` from the sources; `npm run docs -- --check` compares.";
  const text = ["# Reference", made, table(["page", "holds"], rows)].join("\n\n");
  return { file: "README.md", text: `${text}\n` };
}

const versionOf = (root: string): string =>
  (JSON.parse(readFileSync(join(root, "tequio", "package.json"), "utf8")) as { version: string })
    .version;

/** Every page as it should be now. */
export async function renderPages(root: string): Promise<readonly Page[]> {
  const paths = new Set([...CODE_SOURCES, ...EVENT_SOURCES, ...WIRE_SOURCES]);
  const sources = readSources(root, [...paths]);
  const pages = [
    apiPage(),
    await cliPage(root),
    codecPage(sources),
    errorsPage(sources),
    eventsPage(sources),
    exitCodesPage(),
    gatewayPage(),
    jobFilePage(),
    limitsPage(sources),
    metricsPage(),
    openApiPage(versionOf(root)),
    rolesPage(),
  ];
  return [indexPage(pages), ...pages];
}

/** Files that are missing, differ, or should not be there. */
export function stalePages(root: string, pages: readonly Page[]): readonly string[] {
  const folder = join(root, FOLDER);
  const there = existsSync(folder) ? readdirSync(folder) : [];
  const known = new Map(pages.map(({ file, text }) => [file, text]));
  const differing = pages.filter(
    ({ file, text }) => !there.includes(file) || readFileSync(join(folder, file), "utf8") !== text,
  );
  return [...differing.map(({ file }) => file), ...there.filter((file) => !known.has(file))];
}
