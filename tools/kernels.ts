// Assembles the WebAssembly kernels, which are written as text (.wat), to modules that hold the
// bytes: `node tools/kernels.ts` after a change. A test fails while a module is out of date.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import openWabt from "wabt";

const FOLDER = fileURLToPath(new URL("../trainer/src/kernels/", import.meta.url));

/** A generated module: the path that it belongs at, and its text. */
export interface KernelModule {
  readonly path: string;
  readonly text: string;
}

/** What the generated modules should be now. Throws with line and column on text that is wrong. */
export async function kernelModules(): Promise<KernelModule[]> {
  const wabt = await openWabt();
  const names = readdirSync(FOLDER).filter((name) => name.endsWith(".wat"));
  return names.map((name) => {
    const module = wabt.parseWat(name, readFileSync(FOLDER + name, "utf8"), { simd: true });
    try {
      module.validate();
      const { buffer } = module.toBinary({});
      return moduleOf(name, Buffer.from(buffer).toString("base64"));
    } finally {
      module.destroy();
    }
  });
}

function moduleOf(name: string, base64: string): KernelModule {
  const stem = name.slice(0, -".wat".length);
  const lines = base64.match(/.{1,80}/g) ?? [];
  const text =
    `// Made from ${name} by tools/kernels.ts: change that, then run it again.\n` +
    `export const ${stem.toUpperCase().replaceAll("-", "_")}_WASM =\n` +
    `${lines.map((line) => `  "${line}"`).join(" +\n")};\n`;
  return { path: `${FOLDER}${stem}-wasm.ts`, text };
}

if (import.meta.main) {
  for (const { path, text } of await kernelModules()) writeFileSync(path, text);
}
