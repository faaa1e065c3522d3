// Words of a command line as one would type them again.

/** A word for a shell: in single quotes if it holds more than plain characters. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
