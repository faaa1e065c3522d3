/**
 * How text becomes token ids: as bytes, or by byte-pair encoding trained on the run's own text.
 * A trained one is a small file with a version, so that its digest names it. How merges are found
 * is bpe.ts; which windows of tokens are trained on is decided elsewhere.
 */
import { createHash } from "node:crypto";
import { VOCAB_MAX } from "../layout.ts";
import { type Outcome, ok, refuse } from "../outcome.ts";
import { BYTES, BytePairs, type Merge, trainMerges } from "./bpe.ts";

export interface Tokenizer {
  /** `bytes` or `bpe-N`. */
  readonly name: string;
  /** Ids are below. */
  readonly vocab: number;
  /** Digest of the file, as `sha256:` and hexadecimal digits; undefined for bytes. */
  readonly digest: string | undefined;
  encode(text: Uint8Array): Uint8Array | Uint16Array;
  decode(tokens: ArrayLike<number>): Uint8Array;
}

/** "TQT1": the first version of the file. */
const MAGIC = 0x3154_5154;
const HEADER_BYTES = 12;

/** Every byte is its own id. */
export const AS_BYTES: Tokenizer = {
  name: "bytes",
  vocab: BYTES,
  digest: undefined,
  encode: (text) => text,
  decode: (tokens) => Uint8Array.from(tokens),
};

/**
 * Number of ids that a name stands for. Refuses (INVALID_REQUEST) what is neither `bytes` nor
 * `bpe-N` with N from 257 to 65,536.
 */
export function tokenizerVocab(name: string): Outcome<number> {
  if (name === AS_BYTES.name) return ok(BYTES);
  const vocab = Number(/^bpe-([1-9]\d{2,4})$/.exec(name)?.[1] ?? 0);
  if (vocab > BYTES && vocab <= VOCAB_MAX) return ok(vocab);
  const hint = `Write bytes, or bpe-N with N from ${BYTES + 1} to ${VOCAB_MAX}.`;
  return refuse("INVALID_REQUEST", `${name} is no tokenizer.`, hint);
}

/**
 * The tokenizer of this name, trained on the text where it needs that: 10 MB and 4,096 ids take a
 * few seconds. Refuses as `tokenizerVocab` does.
 */
export function trainTokenizer(name: string, text: Uint8Array): Outcome<Tokenizer> {
  const vocab = tokenizerVocab(name);
  if (!vocab.ok) return vocab;
  if (name === AS_BYTES.name) return ok(AS_BYTES);
  return ok(tokenizerOf(vocab.value, trainMerges(text, vocab.value)));
}

function tokenizerOf(vocab: number, merges: readonly Merge[]): Tokenizer {
  const pairs = new BytePairs(merges);
  const file = encodeFile(vocab, merges);
  return {
    name: `bpe-${vocab}`,
    vocab,
    digest: `sha256:${createHash("sha256").update(file).digest("hex")}`,
    encode: (text) => pairs.encode(text),
    decode: (tokens) => pairs.decode(tokens),
  };
}

/**
 * The file: "TQT1", vocabulary and number of merges as unsigned 32-bit, then the two ids of each
 * merge as unsigned 16-bit; all little-endian.
 */
function encodeFile(vocab: number, merges: readonly Merge[]): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + 4 * merges.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, vocab, true);
  view.setUint32(8, merges.length, true);
  for (const [index, { left, right }] of merges.entries()) {
    view.setUint16(HEADER_BYTES + 4 * index, left, true);
    view.setUint16(HEADER_BYTES + 4 * index + 2, right, true);
  }
  return bytes;
}
