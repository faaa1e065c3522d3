// Puts the Node that the project brings along before the machine's own for every npm script.
// entry: npm, as the first step of `prepare` in package.json
// npm links it by itself, but npm 10 (of Node 20) removes that link again together with the
// packages for other systems, whose programs have the same name. Plain JavaScript, because Node 20
// runs it.
import { existsSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const modules = join(dirname(fileURLToPath(import.meta.url)), "..", "node_modules");
const windows = process.platform === "win32";
const name = `node-${windows ? "win" : process.platform}-${process.arch}`;
const exe = windows ? "node.exe" : "node";
const link = join(modules, ".bin", windows ? "node.cmd" : "node");

if (existsSync(join(modules, name, "bin", exe)) && !existsSync(link)) {
  if (windows) writeFileSync(link, `@"%~dp0..\\${name}\\bin\\${exe}" %*\r\n`);
  else symlinkSync(join("..", name, "bin", exe), link);
}
