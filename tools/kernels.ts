// Assembles the WebAssembly kernels, which are written as text (.wat), to modules that hold the
// bytes: `node tools/kernels.ts` after a change. A test fails while a module is out of date.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import openWabt from "wabt";

const FOLDERS = ["../trainer/src/kernels/", "../server/src/aggregator/kernels/"].map((folder) =>
  fileURLToPath(new URL(folder, import.meta.url)),
);

/** A generated module: the path that it belongs at, and its text. */
export interface KernelModule {
  readonly path: string;
  readonly text: string;
}

/** What the generated modules should be now. Throws with line and column on text that is wrong. */
export async function kernelModules(): Promise<KernelModule[]> {
  const wabt = await openWabt();
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(folder).flatMap((name) => (name.endsWith(".wat") ? [{ folder, name }] : [])),
  );
  return files.map(({ folder, name }) => {
    const module = wabt.parseWat(name, readFileSync(folder + name, "utf8"), { simd: true });
    try {
      module.validate();
      const { buffer } = module.toBinary({});
      return moduleOf(folder, name, Buffer.from(buffer).toString("base64"));
    } finally {
      module.destroy();
    }
  });
}

function moduleOf(folder: string, name: string, base64: string): KernelModule {
  const stem = name.slice(0, -".wat".length);
  const lines = base64.match(/.{1,80}/g) ?? [];
  const text =
    `// Made from ${name} by tools/kernels.ts: change that, then run it again.\n` +
    `export const ${stem.toUpperCase().replaceAll("-", "_")}_WASM =\n` +
    `${lines.map((line) => `  "${line}"`).join(" +\n")};\n`;
  return { path: `${folder}${stem}-wasm.ts`, text };
}

if (import.meta.main) {
  for (const { path, text } of await kernelModules()) writeFileSync(path, text);
}
