// The text of a log from pieces of bytes that may cut a character in two. Pure but for its state.

/** Characters that the page keeps. A browser scrolls so much without stutter. */
export const LOG_CHARS_MAX = 400_000;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out.
const TERMINAL = /\u001b\[[0-9;?]*[A-Za-z]|\u001b\][^\u0007]*\u0007/g;

export interface LogText {
  readonly text: string;
  /** Whether the beginning was cut to stay within the limit. */
  readonly cut: boolean;
}

/** Adds bytes to a log's text; colours and cursor moves of terminals are taken out. */
export function makeLogText(): (piece: Uint8Array) => LogText {
  const decoder = new TextDecoder();
  let text = "";
  let cut = false;
  return (piece) => {
    text = (text + decoder.decode(piece, { stream: true })).replaceAll(TERMINAL, "");
    if (text.length > LOG_CHARS_MAX) {
      const from = text.length - LOG_CHARS_MAX;
      // The first line shown is a whole one, where there are lines at all.
      const line = text.indexOf("\n", from) + 1;
      text = text.slice(line > 0 && line < text.length ? line : from);
      cut = true;
    }
    return { text, cut };
  };
}
