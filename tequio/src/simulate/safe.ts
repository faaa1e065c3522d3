// Text of others made safe for a page: names in a trace may hold anything.

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Safe between tags and in quoted attributes; control characters become spaces. */
export const safe = (text: string): string =>
  text.replace(/[&<>"']/g, (letter) => ENTITIES[letter]!).replace(/[\p{Cc}\p{Cf}]/gu, " ");
