// Files of `tequio simulate`: read whole, unpacked if they are gzip, refused with a reason.
import { readFileSync, statSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { type Outcome, ok, refuse } from "@tequio/core/pool";

/** The first two bytes of a gzip file. */
const GZIP = [0x1f, 0x8b];
/** Text of one trace. Node's strings end at 512 MiB; the largest public traces have less. */
const TEXT_BYTES_MAX = 400 * 1_048_576;

/** A file's text. Refuses NOT_FOUND, INVALID_REQUEST and TOO_LARGE. */
export function readText(path: string, what: string): Outcome<string> {
  try {
    if (statSync(path).isDirectory()) return unreadable(what, path, "it is a folder");
    const bytes = readFileSync(path);
    const packed = bytes[0] === GZIP[0] && bytes[1] === GZIP[1];
    const text = packed ? gunzipSync(bytes, { maxOutputLength: TEXT_BYTES_MAX }) : bytes;
    if (text.length > TEXT_BYTES_MAX) return tooLarge(what, path);
    return ok(text.toString("utf8"));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      return refuse("NOT_FOUND", `There is no file ${path}.`, `Name ${what} that exists.`);
    }
    if (code === "ERR_BUFFER_TOO_LARGE") return tooLarge(what, path);
    return unreadable(what, path, message);
  }
}

const unreadable = (what: string, path: string, why: string): Outcome<never> =>
  refuse("INVALID_REQUEST", `${path} cannot be read: ${why}.`, `Name ${what} as one file.`);

const tooLarge = (what: string, path: string): Outcome<never> =>
  refuse(
    "TOO_LARGE",
    `${path} holds more than ${TEXT_BYTES_MAX / 1_048_576} MiB of text.`,
    `Cut ${what} into parts and simulate one of them.`,
  );

/** Says which file a refusal is about. */
export const inFile = <T>(path: string, outcome: Outcome<T>): Outcome<T> =>
  outcome.ok
    ? outcome
    : {
        ...outcome,
        message: `${path}${outcome.at === undefined ? "" : `, ${outcome.at}`}: ${outcome.message}`,
      };
