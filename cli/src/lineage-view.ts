// How the lineage of a model is written: the model, who put what into it, where it comes from.
import type { LineageCard, SignedLineage } from "@tequio/contract";
import { bytes, clock, loss, whole } from "./format.ts";
import { factsText, plain, writeTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/** The card with the key that it is signed with. */
export function lineageText(terminal: Terminal, { card, keyId }: SignedLineage): void {
  const { model } = card;
  terminal.out(
    factsText(terminal, [
      ["Model", `run ${card.runId} ${plain(card.name)}, round ${whole(card.round)}`],
      ["Digest", card.digest],
      [
        "Shape",
        `${whole(card.parameters)} parameters: width ${model.width}, ${model.layers} layers, ` +
          `${model.heads} heads, context ${model.context}`,
      ],
      ["Text", `${plain(card.corpus)}, ${whole(card.windows)} windows, seed ${card.seed}`],
      ["Tokens", whole(card.tokens)],
      ["Loss", card.heldOutLoss === undefined ? undefined : `${loss(card.heldOutLoss)} held out`],
      ["Made", new Date(card.madeAtMs).toISOString()],
      ["Goes back to", card.parents.length === 0 ? "a model drawn anew" : parents(card)],
      ["Pool", `${plain(card.pool)} (${card.poolId})`],
      ["Key", keyId],
    ]),
  );
  terminal.out("\n");
  writeTable(
    terminal,
    [
      { head: "OWNER", cell: ({ member }) => member, least: 8 },
      { head: "TOKENS", cell: ({ tokens }) => whole(tokens), align: "right" },
      { head: "ROUNDS", cell: ({ rounds }) => whole(rounds), align: "right" },
      { head: "COMPUTED", cell: ({ computeMs }) => clock(computeMs), align: "right" },
      { head: "SENT", cell: ({ bytesUp }) => bytes(bytesUp), align: "right" },
      { head: "RECEIVED", cell: ({ bytesDown }) => bytes(bytesDown), align: "right" },
      { head: "REFUSED", cell: ({ refused }) => refusals(refused), least: 8 },
    ],
    card.owners,
    "Nobody has put anything into it yet.",
  );
}

const parents = ({ parents: list }: LineageCard): string =>
  list.map(({ runId, round }) => `run ${runId}, round ${whole(round)}`).join("; ");

/** `2 × GATE_FAILED, 1 × MODEL_DIGEST_MISMATCH`. */
export const refusals = (refused: LineageCard["owners"][number]["refused"]): string =>
  Object.entries(refused)
    .map(([code, count]) => `${count} × ${code}`)
    .join(", ");
