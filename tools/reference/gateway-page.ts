// gateway.md: the messages between a site agent and the pool, from the contract's schemas, and the
// codec's wire format from the comment that opens its source.
import { GATEWAY_PROTOCOL, ToAgent, ToPool } from "@tequio/contract";
import { CODECS, codedBytes } from "@tequio/core/training";
import { z } from "zod";
import { code, type Page, page, table, wrap } from "./markdown.ts";
import { fieldRows, type Schema } from "./schema.ts";
import { openingComment, type Sources } from "./source.ts";

const GATEWAY_FILE = "contract/src/gateway.ts";
const CODEC_FILE = "core/training/codec/format.ts";

/** Files that these pages read. */
export const WIRE_SOURCES: readonly string[] = [CODEC_FILE];

/** What each message is for; a message without a sentence here stops the generator. */
const MEANS: Readonly<Record<string, string>> = {
  challenge: "First message of the pool: sign this.",
  welcome: "The signature is good; how often to speak, and a token for measuring the link.",
  heartbeatAck:
    "The site may run its leases for `leaseForMs`, counted from the moment at which the " +
    "heartbeat with this `clockMs` was sent.",
  leases: "What the site should hold. With `complete` any other lease there must be stopped.",
  terms:
    "What the owner lends and its terms: the agent refuses and stops by itself what is outside " +
    "of them. Sent after the welcome, before the leases, and with every change.",
  keyTaken: "The new key is good beside the old one, until the site signs with it.",
  ack: "These reports are durable at the pool; the agent may forget them.",
  logAck: "The log is here up to `nextOffset`; go on from there.",
  refused: "The pool ends the connection, and why.",
  hello: "Who the agent is, signed with the site's Ed25519 key.",
  newKey: "The key that the site wants to go on with, signed by that key.",
  inventory: "What the site has now.",
  calibration: "What was measured at the site and on its link.",
  heartbeat: "The agent is alive. `clockMs` is its own clock; the pool only sends it back.",
  reports: "What became of leases. Sent until acknowledged, kept on disk until then.",
  log: "A piece of a task's log, base64.",
};

function messageRows(union: z.ZodType): readonly (readonly string[])[] {
  const schema = z.toJSONSchema(union, { io: "input", unrepresentable: "any" }) as Schema;
  return (schema.oneOf ?? []).map((message) => {
    const type = String(message.properties?.type?.const);
    const means = MEANS[type];
    if (means === undefined) throw new Error(`Invariant broken: the message ${type} has a meaning`);
    const fields = fieldRows(message)
      .filter((row) => row.name !== "type")
      .map((row) => `\`${row.name}${row.required ? "" : "?"}\` ${row.type}`);
    return [code(type), means, fields.join("<br>")];
  });
}

/** gateway.md: what an agent in another language would have to speak. */
export function gatewayPage(): Page {
  const head = ["message", "means", "fields"];
  return page(
    "gateway.md",
    "Agent gateway",
    [GATEWAY_FILE],
    [
      wrap(
        `Protocol ${GATEWAY_PROTOCOL}. A site joins once over HTTP (\`POST /v1/join\`: join ` +
          "token and public key for a site id); from then on its agent opens one WebSocket to " +
          "`/v1/gateway` and proves its key there. Agents dial out; nothing ever dials a site. " +
          "Each message is one JSON text.",
      ),
      wrap(
        "Every message may come twice, late, or after a cut: both ends are idempotent. The pool " +
          "states what leases a site should hold, not what to do next; the agent compares and " +
          "acts. What is signed is `tequio-gateway-1`, the pool's id, the site's id and the " +
          "nonce, with a line break between them, in base64.",
      ),
      "## From the pool to the agent",
      table(head, messageRows(ToAgent)),
      "## From the agent to the pool",
      table(head, messageRows(ToPool)),
    ],
  );
}

const SAMPLE_VALUES = 1_000_000;

/** codec.md: how a delta or a model becomes bytes. */
export function codecPage(sources: Sources): Page {
  const rows = CODECS.map((codec, id) => {
    const bytes = codedBytes(codec, SAMPLE_VALUES);
    const ratio = (4 * SAMPLE_VALUES) / bytes;
    return [code(codec), String(id), bytes.toLocaleString("en-US"), `${ratio.toFixed(1)} x`];
  });
  return page(
    "codec.md",
    "Coded vectors",
    [CODEC_FILE],
    [
      table(["codec", "id", "bytes of 1,000,000 values", "smaller than fp32"], rows),
      "Test vectors: `core/training/codec/vectors.json`.",
      `\`\`\`text\n${openingComment(sources, CODEC_FILE)}\n\`\`\``,
    ],
  );
}
