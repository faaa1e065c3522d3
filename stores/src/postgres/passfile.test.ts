// Tests which line of a password file is for whom.
import assert from "node:assert/strict";
import { test } from "node:test";
import { passwordIn } from "./passfile.ts";

const LOGIN = { host: "db.example", port: 5432, database: "tequio", user: "pool" };

test("the first line that fits gives the password, with what stood behind a backslash", () => {
  const file = [
    "# a comment: db.example:5432:tequio:pool:no",
    "other.example:5432:tequio:pool:no",
    "db.example:5433:*:*:no",
    "db.example:*:tequio:pool:p\\:ss\\\\word",
    "*:*:*:*:later",
  ].join("\n");
  assert.equal(passwordIn(file, LOGIN), "p:ss\\word");
  assert.equal(passwordIn(file, { ...LOGIN, user: "else" }), "later");
});

test("a file without a fitting line, with too few fields or an empty password gives none", () => {
  for (const file of ["", "db.example:5432:tequio:pool", "*:*:*:*:", "a\\", ":::::"]) {
    assert.equal(passwordIn(file, LOGIN), undefined, file);
  }
});
