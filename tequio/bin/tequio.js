#!/usr/bin/env node
// Starts Tequio on Node 24 or newer: the source is TypeScript, which older versions cannot run.
// When the Node that runs this file is older, the one that the package brought is used instead.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const main = join(dirname(fileURLToPath(import.meta.url)), "..", "src", "main.ts");
const NODE_MAJOR_MIN = 24;

function bundledNode() {
  const require = createRequire(import.meta.url);
  const exe = process.platform === "win32" ? "node.exe" : "node";
  const name = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  try {
    const path = join(dirname(require.resolve(`${name}/package.json`)), "bin", exe);
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

if (Number(process.versions.node.split(".")[0]) >= NODE_MAJOR_MIN) {
  await import(main);
} else {
  const node = bundledNode();
  if (node === undefined) {
    console.error(`tequio needs Node ${NODE_MAJOR_MIN} or newer; this is ${process.version}.`);
    console.error("Hint: install Node 24, or run `npm ci` again without --omit=optional.");
    process.exit(2);
  }
  // In its place where this Node can do that, so that no second process waits beside it.
  process.execve?.(node, [node, main, ...process.argv.slice(2)], process.env);
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("exit", (code, signal) => process.exit(signal === null ? code : 130));
}
