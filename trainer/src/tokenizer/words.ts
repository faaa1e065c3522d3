/**
 * Cuts bytes into words, which no token of byte-pair encoding crosses: a run of letters, of digits,
 * of spaces or of other signs, a single space before a run belonging to it. Nothing is lost: the
 * words one after another are the text.
 */

/** Longer runs are cut: joining pairs in a word takes time with the square of its length. */
const WORD_BYTES_MAX = 32;

const SPACE = 32;
const [LETTERS, DIGITS, SPACES, SIGNS] = [0, 1, 2, 3] as const;

/** Bytes from 128 on count as letters: they are parts of letters in UTF-8, if it is text. */
const KIND = Uint8Array.from({ length: 256 }, (_, byte) => {
  const letter = String.fromCharCode(byte);
  if (byte >= 128 || /[A-Za-z']/.test(letter)) return LETTERS;
  if (/\d/.test(letter)) return DIGITS;
  return /\s/.test(letter) ? SPACES : SIGNS;
});

/** Tells every word in order, each byte as the character of the same number. */
export function eachWord(text: Uint8Array, tell: (word: string) => void): void {
  const letters = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
  let at = 0;
  while (at < text.length) {
    const from = at;
    const after = text[from + 1];
    // One space goes with what follows it, more of them are a word of their own.
    const led = text[from] === SPACE && after !== undefined && KIND[after] !== SPACES;
    if (led) at += 1;
    const kind = KIND[text[at]!];
    const end = Math.min(text.length, from + WORD_BYTES_MAX);
    while (at < end && KIND[text[at]!] === kind) at += 1;
    // The last space of several leads the next word.
    if (kind === SPACES && at - from > 1 && at < text.length && text[at - 1] === SPACE) at -= 1;
    tell(letters.toString("latin1", from, at));
  }
}
