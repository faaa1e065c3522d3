/** Tokenizers: nothing is lost, training repeats itself, and the merges are the right ones. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { loadCorpus, tokenised } from "../corpus.ts";
import { fillBatch, windowsOf } from "../windows.ts";
import { trainMerges } from "./bpe.ts";
import { type Tokenizer, tokenizerVocab, trainTokenizer } from "./tokenizer.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function trained(name: string, text: Uint8Array): Tokenizer {
  const made = trainTokenizer(name, text);
  assert.ok(made.ok);
  return made.value;
}

const ENGLISH = bytesOf(
  "the cat sat on the mat  and the rat sat on the hat, don't they? 2021 2021\n\n".repeat(4),
);

test("any bytes come back from their tokens, whatever the tokenizer was trained on", () => {
  const tokenizers = [ENGLISH, new Uint8Array(300).fill(7), new Uint8Array()].map((text) =>
    trained("bpe-300", text),
  );
  const texts = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.string({ unit: "binary", maxLength: 60 }).map(bytesOf),
    fc.array(fc.constantFrom(..." the at\n'9"), { maxLength: 200 }).map((x) => bytesOf(x.join(""))),
  );
  fc.assert(
    fc.property(texts, fc.constantFrom(...tokenizers), (text, tokenizer) => {
      const tokens = tokenizer.encode(text);
      assert.deepEqual(tokenizer.decode(tokens), new Uint8Array(text));
      assert.ok(tokens.every((token) => token < tokenizer.vocab));
      // Text in the form of a Buffer's slice stands at an offset of a larger memory.
      assert.deepEqual(tokenizer.encode(Buffer.from(text)), tokens);
    }),
    { numRuns: 200 },
  );
});

test("training the same text gives the same file, another text or size another", () => {
  const digest = trained("bpe-300", ENGLISH).digest;
  assert.match(digest!, /^sha256:[0-9a-f]{64}$/);
  assert.equal(trained("bpe-300", ENGLISH.slice()).digest, digest);
  assert.notEqual(trained("bpe-300", ENGLISH.subarray(9)).digest, digest);
  assert.notEqual(trained("bpe-301", ENGLISH).digest, digest);
});

/** The definition, word by word and pair by pair, with no index to keep up. */
function plainMerges(words: readonly string[], count: number): string[] {
  const lists = words.map((word) => [...bytesOf(word)]);
  const merges: string[] = [];
  for (let id = 256; id < 256 + count; id += 1) {
    const counts = new Map<number, number>();
    for (const list of lists) {
      for (let at = 1; at < list.length; at += 1) {
        const key = list[at - 1]! * 65_536 + list[at]!;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
    const [best] = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    if (best === undefined || best[1] < 2) break;
    const [left, right] = [Math.floor(best[0] / 65_536), best[0] % 65_536];
    merges.push(`${left} ${right}`);
    for (const list of lists) {
      for (let at = 0; at + 1 < list.length; at += 1) {
        if (list[at] === left && list[at + 1] === right) list.splice(at, 2, id);
      }
    }
  }
  return merges;
}

test("the merges are those of the definition", () => {
  const letters = fc.array(fc.constantFrom(..."aab"), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 20 }), (lists) => {
      const words = lists.map((list) => list.join(""));
      // A line break stands between two words and is one itself.
      const got = trainMerges(bytesOf(words.join("\n")), 256 + 12);
      const wanted = plainMerges(words, 12);
      assert.deepEqual(
        got.map(({ left, right }) => `${left} ${right}`),
        wanted,
      );
    }),
    { numRuns: 200 },
  );
});

test("a name that stands for no tokenizer is refused", () => {
  for (const name of ["bytes", "bpe-257", "bpe-65536"]) assert.ok(tokenizerVocab(name).ok, name);
  for (const name of ["", "bpe", "bpe-256", "bpe-65537", "bpe-0300", "bpe-1e3", "words"]) {
    const checked = tokenizerVocab(name);
    assert.equal(!checked.ok && checked.code, "INVALID_REQUEST", name);
  }
});

test("a corpus of trained tokens is shorter, and its windows say the same text", async () => {
  const corpus = await loadCorpus("sotu");
  assert.ok(corpus.ok);
  // A part of it, since all of it takes seconds.
  const cut = (name: "train" | "gate" | "report") => {
    const bytes = corpus.value.parts[name].bytes.subarray(0, 100_000);
    return { name, bytes, tokens: bytes };
  };
  const parts = { train: cut("train"), gate: cut("gate"), report: cut("report") };
  const own = tokenised({ ...corpus.value, parts }, "bpe-600");
  assert.ok(own.ok);
  const { train, gate } = own.value.corpus.parts;
  assert.ok(train.tokens.length < train.bytes.length / 2);
  assert.deepEqual(own.value.tokenizer.decode(gate.tokens), new Uint8Array(gate.bytes));
  const { x, y } = fillBatch(train, [0, 1, 2], 16);
  const said = Buffer.from(own.value.tokenizer.decode([...x, y.at(-1)!]));
  assert.deepEqual(said, Buffer.from(train.bytes.subarray(0, said.length)));
  assert.equal(windowsOf(train, 16), Math.floor((train.tokens.length - 1) / 16));
});
