// Which passwords are taken, that they are kept as OWASP has it, and that checking many at once
// has an end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "@tequio/core/pool";
import fc from "fast-check";
import { hashPassword, isRight, whyWeak } from "./passwords.ts";

test("short, patterned and named passwords are weak, and sentences are not", () => {
  const weak = [
    "fourteen chars",
    "aaaaaaaaaaaaaaaaaaaa",
    "abababababababababab",
    "1234567890123456",
    "qwertyuiopasdfgh",
    "ponmlkjihgfedcba",
    "Password-Password",
    "anastasia anastasia",
    "tequio.tequio.2026",
    "speech-pool 1234",
  ];
  for (const password of weak) {
    assert.ok(whyWeak(password, ["anastasia", "speech-pool", "tequio"]), password);
  }
  const strong = [
    "seven green kettles sing",
    "Regen fällt auf Dächer",
    "密码很长很长但是没有人能够猜到它吧",
    "anastasia likes very old trams",
  ];
  for (const password of strong) {
    assert.equal(whyWeak(password, ["anastasia", "speech-pool", "tequio"]), undefined, password);
  }
});

test("whatever is typed is judged without an error and in no time", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: LIMITS.PASSWORD_CHARS_MAX, unit: "grapheme" }), (text) => {
      const weak = whyWeak(text, ["ana", ""]);
      if ([...text.normalize("NFC")].length < LIMITS.PASSWORD_CHARS_MIN) assert.ok(weak);
    }),
  );
});

test("a password is right however its letters were composed, and no other one is", async () => {
  const hash = await hashPassword("Grün ist die Höffnung");
  assert.ok(hash.ok);
  assert.match(hash.value, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  const composed = "Grün ist die Höffnung".normalize("NFD");
  assert.deepEqual(await isRight(composed, hash.value), { ok: true, value: true });
  assert.deepEqual(await isRight("Grün ist die Hoffnung", hash.value), { ok: true, value: false });
  assert.deepEqual(await isRight("", undefined), { ok: true, value: false });
});

test("of too many at once the last are refused, and all others get their answer", async () => {
  const room = LIMITS.PASSWORD_CHECKS_AT_ONCE + LIMITS.PASSWORD_CHECKS_WAITING_MAX;
  const all = await Promise.all(Array.from({ length: room + 5 }, () => isRight("x", undefined)));
  const refused = all.filter((one) => !one.ok);
  assert.equal(refused.length, 5);
  assert.ok(refused.every((one) => !one.ok && one.code === "TOO_MANY"));
  assert.deepEqual(await isRight("x", undefined), { ok: true, value: false });
});
