// Certificates for tests, made by the `openssl` program: an authority, and certificates of clients
// that it has signed. Whoever asks for them has looked whether the program is there.
import { execFileSync } from "node:child_process";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Files {
  readonly cert: string;
  readonly key: string;
}

const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
const openssl = (...args: readonly string[]): void => {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
};

/** An authority of its own, as `NAME.crt` and `NAME.key`. */
export function makeAuthority(folder: string, name: string): Files {
  const files = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
  const place = ["-keyout", files.key, "-out", files.cert];
  openssl("req", "-x509", ...EC, "-days", "2", "-subj", `/CN=${name}`, ...place);
  return files;
}

/** A client's certificate that `authority` has signed; with `days` below 0 it has expired. */
export function makeClient(
  folder: string,
  authority: Files,
  name: string,
  given: { readonly file?: string; readonly days?: number } = {},
): Files {
  const { file = name, days = 1 } = given;
  const at = (ending: string): string => join(folder, `${file}.${ending}`);
  openssl("req", ...EC, "-subj", `/O=Example/CN=${name}`, "-keyout", at("key"), "-out", at("csr"));
  const uses = `subjectAltName=DNS:${name}.example\nextendedKeyUsage=clientAuth\n`;
  writeFileSync(at("ext"), uses);
  const by = ["-CA", authority.cert, "-CAkey", authority.key, "-CAcreateserial"];
  const made = ["-days", String(days), "-extfile", at("ext"), "-out", at("crt")];
  openssl("x509", "-req", "-in", at("csr"), ...by, ...made);
  return { cert: at("crt"), key: at("key") };
}

/** Puts other files in the place of these, as whoever renews certificates does. */
export function replaceFiles(old: Files, by: Files): void {
  copyFileSync(by.cert, old.cert);
  copyFileSync(by.key, old.key);
}
