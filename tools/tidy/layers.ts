// ARCHITECTURE.md's table of folders as data: who may import whom. A folder may always import
// itself. The check that reads this table is import-direction.ts.

/** Marks a folder that may import everything. */
export const EVERYTHING = "everything";

const POOL = "core/pool";
const CORE_RULES = [
  POOL,
  "core/scheduler",
  "core/training",
  "core/ledger",
  "core/compliance",
  "core/programme",
] as const;
const CORE = [...CORE_RULES, "core/controller", "core/simulator"] as const;

/** Folder to the folders that it may import. A folder that is missing here fails the check. */
export const LAYERS: ReadonlyMap<string, readonly string[] | typeof EVERYTHING> = new Map<
  string,
  readonly string[] | typeof EVERYTHING
>([
  [POOL, []],
  ["core/scheduler", [POOL]],
  ["core/training", [POOL]],
  ["core/ledger", [POOL]],
  ["core/compliance", [POOL]],
  ["core/programme", [POOL]],
  ["core/controller", CORE_RULES],
  ["core/simulator", CORE],
  ["contract", [POOL]],
  ["stores", [POOL]],
  ["engines", [POOL]],
  ["trainer", [POOL, "core/training", "contract"]],
  ["server", [...CORE, "contract", "stores"]],
  ["agent", [POOL, "contract", "engines"]],
  ["cli", ["contract"]],
  ["console", ["contract", "trainer"]],
  ["tequio", EVERYTHING],
  ["tools", EVERYTHING],
  ["bench", EVERYTHING],
]);

/** The row of the table that a path belongs to. core is one package with a row per folder. */
export function layerOf(path: string): string {
  const parts = path.split("/");
  if (parts.length < 2) return "";
  return parts[0] === "core" && parts.length > 2 ? `core/${parts[1]}` : (parts[0] ?? "");
}

/** Folders whose sub-folders are rivals behind one interface and never know each other. */
export const RIVALS: readonly string[] = ["engines/src", "stores/src"];

/** Folders beside the rivals that are none: parts that several of them are put together from. */
export const SHARED_PARTS: ReadonlyMap<string, string> = new Map([
  ["engines/src/conformance", "the suite that proves every engine"],
  ["stores/src/conformance", "the suite that proves every store"],
  ["stores/src/files", "blobs and snapshots as files, for every store that lies on a disk"],
]);

/** The only folders that may name a concrete engine or store (tests may, too). */
export const NAMES_CONCRETE: readonly string[] = ["tequio", "tools", "bench"];
