// Proves what a site in a tab gets and what nobody gets by these addresses.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openMemoryStore } from "@tequio/stores/memory";
import { good, startServer } from "../testing/setup.ts";
import { fakeTrainer } from "../testing/training.ts";

test("the engine's loader and WebAssembly are served to anyone, and no other file", async (t) => {
  const { http } = await startServer(t, good(await openMemoryStore()), {});
  const loader = await http("/engine/ort.wasm.bundle.min.mjs", { token: null });
  assert.equal(loader.status, 200);
  assert.match(loader.headers.get("content-type") ?? "", /javascript/);
  assert.equal(loader.headers.get("cross-origin-embedder-policy"), "require-corp");
  await loader.arrayBuffer();
  for (const file of ["package.json", "..%2fpackage.json", "ort.none.mjs", "types.d.ts"]) {
    assert.equal((await http(`/engine/${file}`, { token: null })).status, 404, file);
  }
});

test("the text of a run is for the tasks of its sites only", async (t) => {
  const { http } = await startServer(t, good(await openMemoryStore()), {});
  assert.equal((await http("/v1/runs/1/text", { token: null })).status, 401);
  assert.equal((await http("/v1/runs/1/text", {})).status, 403, "a person");
});

interface Run {
  readonly parameters: number | null;
}

test("a link is told whose it is and what it would train, and nobody else is", async (t) => {
  const store = good(await openMemoryStore());
  const { http, client } = await startServer(t, store, { trainer: fakeTrainer() });
  const ask = async (joinToken: string) => {
    const reply = await http("/v1/tabs/invitation", {
      ...{ method: "POST", token: null, body: JSON.stringify({ joinToken }) },
      headers: { "content-type": "application/json" },
    });
    return { status: reply.status, said: (await reply.json()) as { runs: Run[]; code?: string } };
  };
  const { joinToken } = good(await client.call("inviteMember", { body: { name: "ana" } }));
  const bandwidth = [{ upMbitPerS: 2, hours: { zone: "UTC", windows: ["Mon 08:00-18:00"] } }];
  const offer = { bandwidth, tenants: { allow: ["default"], refuse: [] } };
  good(await client.call("setOffer", { params: { name: "ana" }, body: { offer } }));
  good(await client.call("createProject", { body: { name: "closed" } }));
  for (const [name, project] of [
    ["speeches", "default"],
    ["secret", "closed"],
  ] as const) {
    const run = { model: { context: 16, width: 16, layers: 1, heads: 1 }, stop: { rounds: 2 } };
    good(await client.call("submitJob", { body: { name, project, run } }));
  }
  const { status, said } = await ask(joinToken);
  assert.equal(status, 200);
  const [run] = said.runs;
  assert.deepEqual(said, {
    ...{ pool: "test", member: "ana", joined: false, moreRuns: 0 },
    runs: [{ name: "speeches", project: "default", parameters: run!.parameters }],
    bandwidth: [{ upMbitPerS: 2, hours: "Mon 08:00-18:00 (UTC)" }],
  });
  assert.equal((await ask(`${joinToken.slice(0, -6)}AAAAAA`)).status, 401);
  assert.equal((await ask("nothing")).status, 401);
  const action = "revoke-invitation" as const;
  good(await client.call("changeMember", { params: { name: "ana" }, body: { action } }));
  assert.equal((await ask(joinToken)).said.code, "TOKEN_REVOKED");
});
