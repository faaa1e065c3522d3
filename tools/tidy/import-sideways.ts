// Checks that engines and stores stay strangers to each other, and that only the composition
// root names a concrete one. Differences between them are data, never a special case elsewhere.
import type { Check, Finding } from "./finding.ts";
import { NAMES_CONCRETE, RIVALS, SHARED_PARTS } from "./layers.ts";
import type { TreeFile } from "./tree.ts";

/** "engines/src/slurm" for a file in that engine's folder; undefined outside of such folders. */
function rivalOf(path: string): string | undefined {
  const base = RIVALS.find((folder) => path.startsWith(`${folder}/`));
  if (base === undefined) return undefined;
  const rest = path.slice(base.length + 1).split("/");
  const folder = `${base}/${rest[0]}`;
  return rest.length > 1 && !SHARED_PARTS.has(folder) ? folder : undefined;
}

function ofFile(file: TreeFile): readonly Finding[] {
  const own = rivalOf(file.path);
  const top = file.path.split("/", 1)[0] ?? "";
  return file.imports.flatMap((found) => {
    const other = found.target === undefined ? undefined : rivalOf(found.target);
    if (other === undefined || other === own) return [];
    if (own !== undefined) {
      const message = `${own} imports its neighbour ${other}; share through the port above them`;
      return [{ path: file.path, line: found.line, rule: "import-sideways", message }];
    }
    if (file.isTest || file.isTesting || NAMES_CONCRETE.includes(top)) return [];
    const message = `${other} is named here; only ${NAMES_CONCRETE.join(", ")} may name one`;
    return [{ path: file.path, line: found.line, rule: "import-concrete", message }];
  });
}

/** Imports between rivals, and concrete engines or stores named outside of the root. */
export const importSideways: Check = (tree) => tree.files.flatMap(ofFile);
