// Runs the suites that need real components, `**/*.real.ts`: a browser, an engine's own program.
// A missing component is an error with the command that installs it, never a skipped suite.
// The unit tests, `**/*.test.ts`, need nothing but Node and are run by `npm test`.
// Use: node tools/real.ts [folder]
import { spawnSync } from "node:child_process";
import { accessSync, constants, globSync } from "node:fs";
import { join } from "node:path";

/** Where Debian puts Chromium. */
const CHROMIUM_DEFAULT = "/usr/bin/chromium";
/** Where Debian puts Prometheus, with promtool beside it. */
const PROMETHEUS = "/usr/bin/prometheus";
/** Where Debian puts systemd's checker of units. */
const SYSTEMD_ANALYZE = "/usr/bin/systemd-analyze";
/** Where every distribution puts bubblewrap. */
const BWRAP = "/usr/bin/bwrap";
/** Where Debian puts PostgreSQL's programs. */
const POSTGRES_BIN = process.env.POSTGRES_BIN ?? "/usr/lib/postgresql/15/bin";
/** Where Debian puts the Python that has its PyTorch. */
const PYTHON = process.env.PYTHON ?? "/usr/bin/python3";
/** Longest wait for a component to say its version. A cold start on a busy machine takes 10 s. */
const VERSION_WAIT_MS = 60_000;

interface Component {
  readonly name: string;
  readonly path: string;
  /** What makes it say its version; absent: `--version`. */
  readonly ask?: readonly string[];
  readonly hint: string;
}

const COMPONENTS: readonly Component[] = [
  {
    name: "Chromium",
    path: process.env.CHROMIUM_PATH ?? CHROMIUM_DEFAULT,
    hint: "install it with `apt-get install chromium`, or set CHROMIUM_PATH to its program",
  },
  {
    name: "Prometheus",
    path: PROMETHEUS,
    hint: "install it with `apt-get install prometheus`",
  },
  {
    name: "PostgreSQL",
    path: join(POSTGRES_BIN, "postgres"),
    hint: "install it with `apt-get install postgresql-15`, or set POSTGRES_BIN to its folder",
  },
  {
    name: "systemd-analyze",
    path: SYSTEMD_ANALYZE,
    hint: "install it with `apt-get install systemd`",
  },
  {
    name: "bubblewrap",
    path: BWRAP,
    hint: "install it with `apt-get install bubblewrap`",
  },
  {
    name: "PyTorch",
    path: PYTHON,
    ask: ["-c", "import torch; print('PyTorch', torch.__version__)"],
    hint: "install it with `apt-get install python3-torch libopenblas0-pthread`, or set PYTHON",
  },
];

/** What the component says of itself, or undefined when it is missing or does not start. */
function versionOf(component: Component): string | undefined {
  try {
    accessSync(component.path, constants.X_OK);
  } catch {
    return undefined;
  }
  const asked = spawnSync(component.path, component.ask ?? ["--version"], {
    encoding: "utf8",
    timeout: VERSION_WAIT_MS,
  });
  return asked.status === 0 ? asked.stdout.trim() : undefined;
}

function haveComponents(): boolean {
  let complete = true;
  for (const component of COMPONENTS) {
    const version = versionOf(component);
    if (version === undefined) {
      complete = false;
      console.error(`${component.name} is missing at ${component.path}.`);
      console.error(`Hint: ${component.hint}.`);
    } else {
      console.log(`${component.name}: ${component.path} (${version})`);
    }
  }
  return complete;
}

function runSuites(root: string): number {
  const suites = globSync("**/*.real.ts", {
    cwd: root,
    exclude: ["**/node_modules", "**/dist"],
  }).toSorted();
  if (suites.length === 0) {
    console.error(`There is no *.real.ts in ${root}.`);
    return 1;
  }
  // One after the other: each suite starts whole programs and measures what they do.
  const args = ["--test", "--test-reporter=spec", "--test-concurrency=1", ...suites];
  const environment = { ...process.env, CHROMIUM_PATH: COMPONENTS[0]?.path };
  const ended = spawnSync(process.execPath, args, {
    cwd: root,
    env: environment,
    stdio: "inherit",
  });
  return ended.status ?? 1;
}

const root = process.argv[2] ?? join(import.meta.dirname, "..");
process.exitCode = haveComponents() ? runSuites(root) : 1;
