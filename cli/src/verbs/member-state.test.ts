// What the list of members says of sites that an operator has revoked.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openFakePool, TOKEN } from "../testing/fake-pool.ts";
import { runCli } from "../testing/run-cli.ts";
import { memberView } from "../testing/views.ts";

test("a revoked site counts as none: its member is here by the others, or revoked", async (t) => {
  const site = memberView().sites[0]!;
  const gone = { ...site, siteId: "S2", state: "away" as const, revoked: true as const };
  const rows = [
    memberView({ name: "both", sites: [site, gone] }),
    memberView({ name: "none", sites: [gone] }),
  ];
  const pool = await openFakePool({ listMembers: () => ({ rows }) });
  t.after(() => pool.close());
  const env = { TEQUIO_URL: pool.url, TEQUIO_TOKEN: TOKEN };
  const { out } = await runCli(["member", "list"], { env });
  assert.match(out, /both +here /);
  assert.match(out, /none +revoked /);
  const json = await runCli(["member", "list", "--json"], { env });
  assert.match(json.out, /"revoked": true/);
  assert.deepEqual(pool.wrong, []);
});
