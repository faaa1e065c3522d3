// A command as one would type it: words with blanks or special characters are quoted.

/** Joins arguments so that a POSIX shell would take them apart again. */
export const shellWords = (words: readonly string[]): string =>
  words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
