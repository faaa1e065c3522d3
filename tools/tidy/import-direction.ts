// Checks that imports follow ARCHITECTURE.md's table of folders, in tests as well as in code.
// The table itself is layers.ts.
import type { Check, Finding } from "./finding.ts";
import { EVERYTHING, LAYERS, layerOf } from "./layers.ts";
import type { TreeFile } from "./tree.ts";

const RULE = "import-direction";

function ofFile(file: TreeFile): readonly Finding[] {
  const layer = layerOf(file.path);
  const allowed = LAYERS.get(layer);
  const finding = (line: number, message: string): Finding => ({
    path: file.path,
    line,
    rule: RULE,
    message,
  });
  if (allowed === undefined) {
    if (layer === "" || file.ast === undefined) return [];
    return [finding(1, `${layer} is not in the table of folders; add it to tools/tidy/layers.ts`)];
  }
  if (allowed === EVERYTHING) return [];
  return file.imports.flatMap((found) => {
    if (found.target === undefined) return [];
    const other = layerOf(found.target);
    if (other === layer || allowed.includes(other)) return [];
    const may = allowed.length === 0 ? "nothing" : allowed.join(", ");
    return [finding(found.line, `${layer} imports ${other}; it may import ${may}`)];
  });
}

/** Imports against the direction of the table. */
export const importDirection: Check = (tree) => tree.files.flatMap(ofFile);
