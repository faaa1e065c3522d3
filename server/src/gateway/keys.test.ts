// Proves the change and the loss of a site's key against a small agent: no moment without a good
// key, no use of an old one, and no way back for a revoked site.
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { describe, type TestContext, test } from "node:test";
import { newKeyText } from "@tequio/contract";
import { openMemoryStore } from "@tequio/stores/memory";
import { dial, helloOf, makeSite, type TestSiteIdentity } from "../testing/agent.ts";
import { good, startServer, type TestServer, until } from "../testing/setup.ts";

const start = async (t: TestContext): Promise<TestServer> =>
  startServer(t, good(await openMemoryStore()));

/** A new key and the message that proposes it, signed by `signer` or by itself. */
function proposal(site: TestSiteIdentity, signer?: KeyObject) {
  const { publicKey: key, privateKey } = generateKeyPairSync("ed25519");
  const publicKey = key.export({ type: "spki", format: "der" }).toString("base64");
  const text = newKeyText(site.poolId, site.siteId, publicKey);
  const signature = sign(null, Buffer.from(text), signer ?? privateKey).toString("base64");
  return { key: privateKey, message: { type: "newKey", publicKey, signature } as const };
}

/** Dials and says hello; whether the site was welcomed, or the code that it got. */
async function knock(t: TestContext, server: TestServer, site: TestSiteIdentity): Promise<string> {
  const agent = await dial(t, server);
  agent.send(helloOf(site, (await agent.nth("challenge")).nonce));
  return until("an answer", () =>
    agent.of("welcome").length > 0 ? "welcome" : agent.of("refused")[0]?.code,
  );
}

describe("keys of sites", { concurrency: true }, () => {
  test("both keys are good until the site signs with the new one, then only that", async (t) => {
    const server = await start(t);
    const { site, agent } = await makeSite(t, server, "uni-lab");
    const { key, message } = proposal(site);
    agent.send(message);
    assert.equal((await agent.nth("keyTaken")).publicKey, message.publicKey);
    agent.send(message);
    await agent.nth("keyTaken", 1);
    assert.equal(await knock(t, server, site), "welcome");
    assert.equal(await knock(t, server, { ...site, key }), "welcome");
    assert.equal(await knock(t, server, site), "SIGNATURE_INVALID");
    assert.equal(await knock(t, server, { ...site, key }), "welcome");
  });

  test("a key that has not signed its own proposal is not taken", async (t) => {
    const server = await start(t);
    const { site, agent } = await makeSite(t, server, "uni-lab");
    agent.send(proposal(site, site.key).message);
    assert.equal((await agent.nth("refused")).code, "SIGNATURE_INVALID");
    const { message } = proposal(site);
    agent.send({ ...message, publicKey: "bm90IGEga2V5" });
    assert.equal((await agent.nth("refused", 1)).code, "SIGNATURE_INVALID");
    assert.equal(server.server.pump.state.sites.get(site.siteId)?.nextKey, undefined);
  });

  test("a revoked site is cut at once and never let in again", async (t) => {
    const server = await start(t);
    const { site, agent } = await makeSite(t, server, "uni-lab");
    const { siteToken } = await agent.nth("welcome");
    const revoke = () =>
      server.client.call("changeMember", {
        params: { name: "uni-lab" },
        body: { action: "revoke-site", site: site.siteId },
      });
    good(await revoke());
    assert.equal((await agent.nth("refused")).code, "TOKEN_REVOKED");
    await until("the cut", () => agent.closed);
    assert.equal(await knock(t, server, site), "TOKEN_REVOKED");
    const probe = await fetch(`${server.client.url}/v1/probe?bytes=10`, {
      headers: { authorization: `Bearer ${siteToken}` },
    });
    assert.equal(probe.status, 401);
    const again = await revoke();
    assert.equal(again.ok ? "" : again.code, "WRONG_STATE");
    const other = await server.client.call("changeMember", {
      params: { name: "uni-lab" },
      body: { action: "revoke-site", site: "s-of-others" },
    });
    assert.equal(other.ok ? "" : other.code, "NOT_FOUND");
  });
});
