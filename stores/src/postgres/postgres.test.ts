// What can be said of the PostgreSQL store without a server: addresses, secrets in messages, and
// which error is which refusal. The suites on a real server are the *.real.ts beside this.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { good, refused, withPlace } from "../conformance/support.ts";
import { parseTarget } from "./connection.ts";
import { isPostgresUrl, openPostgresSource, openPostgresStore, placeOfUrl } from "./index.ts";
import { isLost, postgresTrouble } from "./trouble.ts";

const target = good(parseTarget("postgres://u:geheim@db:5432/pool", "tequio"));
const failure = (code: string, message = "no more geheim today") =>
  Object.assign(new Error(message), { code, severity: "ERROR" });

test("an address is told by host and database, whatever stands before them", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["postgres://u:p@db.example:6000/pool", "postgres://db.example:6000/pool"],
    ["postgresql://db/pool?sslmode=require", "postgres://db/pool"],
    ["postgres://u@[::1]:5432/pool", "postgres://[::1]:5432/pool"],
    ["postgres://u@/pool?host=/run/postgresql", "postgres:///run/postgresql/pool"],
    ["postgres:///pool?host=/run/postgresql", "postgres:///run/postgresql/pool"],
    ["postgres://u:p@bad host/pool", "the database"],
  ];
  for (const [url, place] of cases) assert.equal(placeOfUrl(url), place);
  for (const other of ["mysql://db/pool", "/srv/pool", "postgres:pool", ""]) {
    assert.equal(isPostgresUrl(other), false, other);
    refused(parseTarget(other, "tequio"), "INVALID_REQUEST");
  }
  for (const schema of ['a"b', "A", "a;b", "", "1a", "a".repeat(64)]) {
    refused(parseTarget("postgres://db/pool", schema), "INVALID_REQUEST");
  }
});

test("no password is ever part of what is told", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 4, maxLength: 12, unit: "grapheme-ascii" }), (word) => {
      const password = `§${word}§`;
      const url = `postgres://u:${encodeURIComponent(password)}@db/pool`;
      const one = good(parseTarget(url, "tequio"));
      const told = postgresTrouble(failure("28P01", `wrong: ${password} in ${url}`), one);
      assert.ok(!JSON.stringify(told).includes(JSON.stringify(password).slice(1, -1)));
      assert.ok(!JSON.stringify(told).includes(encodeURIComponent(password)));
      assert.ok(!one.place.includes(word) || "db/pool".includes(word));
    }),
  );
});

test("every error of the server is a refusal that says what to do, and a bug is none", () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ["53100", "STORE_FULL", false],
    ["53300", "STORE_UNREACHABLE", false],
    ["57P01", "STORE_UNREACHABLE", true],
    ["57P03", "STORE_UNREACHABLE", true],
    ["08006", "STORE_UNREACHABLE", true],
    ["57014", "STORE_UNREACHABLE", false],
    ["40001", "STORE_UNREACHABLE", false],
    ["25006", "STORE_UNWRITABLE", false],
    ["28P01", "STORE_UNWRITABLE", false],
    ["3D000", "STORE_UNWRITABLE", false],
    ["42501", "STORE_UNWRITABLE", false],
    ["58030", "STORE_UNWRITABLE", false],
    ["XX001", "JOURNAL_CORRUPT", false],
  ];
  for (const [state, code, lost] of cases) {
    const error = failure(state);
    const refusal = postgresTrouble(error, target);
    assert.equal(refusal.code, code, state);
    assert.equal(isLost(error), lost, state);
    assert.ok(refusal.hint.length > 10 && !JSON.stringify(refusal).includes("geheim"));
  }
  for (const bug of [new TypeError("x"), failure("22P02"), failure("42601"), "no error"]) {
    assert.throws(() => postgresTrouble(bug, target));
  }
});

test("a server that is not there is refused as such, by stores and by sources", () =>
  withPlace(async (folder) => {
    const url = "postgres://u:geheim@127.0.0.1:1/pool";
    for (const outcome of [
      await openPostgresStore({ url, folder }),
      await openPostgresSource({ url, folder }),
    ]) {
      const refusal = refused(outcome, "STORE_UNREACHABLE");
      assert.match(refusal.message, /127\.0\.0\.1:1\/pool/);
      assert.ok(!refusal.message.includes("geheim"));
    }
  }));
