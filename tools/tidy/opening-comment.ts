// Checks that a file opens with what it is for. STYLE.md rule 14. Whether the comment is a good
// one is for the reviewer.
import type { Comment } from "./comments.ts";
import type { Check } from "./finding.ts";
import type { TreeFile } from "./tree.ts";

/** Letters that say what a file is for; less is a heading and no sentence. */
const OPENING_LETTERS_MIN = 20;

/** Remarks to machines, which tell a reader nothing. */
const TO_MACHINES = /^\/[/*]\s*(?:entry:|biome-|@ts-|eslint|#region)/;

const saysSomething = (comment: Comment): boolean =>
  !TO_MACHINES.test(comment.text) &&
  comment.text.replace(/[^\p{L}]/gu, "").length >= OPENING_LETTERS_MIN;

function opens(file: TreeFile): boolean {
  let at = file.text.startsWith("#!") ? file.text.indexOf("\n") : 0;
  for (const comment of file.comments) {
    if (at < 0 || file.text.slice(at, comment.start).trim() !== "") return false;
    if (saysSomething(comment)) return true;
    at = comment.end;
  }
  return false;
}

/** Files whose first words are not a comment. */
export const openingComment: Check = (tree) =>
  tree.files
    .filter((file) => !opens(file))
    .map((file) => ({
      path: file.path,
      line: 1,
      rule: "opening-comment",
      message: "the file does not open with a comment on what it is for",
    }));
