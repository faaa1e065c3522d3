// Parsers of flag values for the verbs that start processes. Each throws what commander turns into
// a usage error that names the flag.
import { badValue } from "@tequio/cli";
import { parseSizeMiB } from "@tequio/contract";

const PORT_MAX = 65_535;

/** A TCP port; 0 lets the system choose. */
export function port(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= PORT_MAX) return value;
  throw badValue(`A port is a whole number up to ${PORT_MAX}.`);
}

/** A number above 0, such as a share of a core. */
export function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw badValue("Give a number above 0.");
}

/** A whole number, 0 or more. */
export function whole(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw badValue("Give a whole number, 0 or more.");
}

/** MiB of a size such as `512M` or `16GB`. */
export function sizeMiB(text: string): number {
  const value = parseSizeMiB(text);
  if (value !== undefined) return value;
  throw badValue("A size is `512M`, `16GB` or `1T`.");
}

/** Collects `k=v` flags into a record. */
export function label(
  text: string,
  earlier: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf("=");
  if (at < 1) throw badValue("A label is `key=value`.");
  return { ...earlier, [text.slice(0, at)]: text.slice(at + 1) };
}
