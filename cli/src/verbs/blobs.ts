// `tequio blobs`: how many blobs the pool holds, and the pass that removes the unused ones.
import type { CallReply } from "@tequio/contract";
import type { Command } from "commander";
import { bytes, counted } from "../format.ts";
import { writeJson } from "../report.ts";
import { writeFacts } from "../table.ts";
import type { Shell } from "../verb.ts";

/** Adds the flags and the action of `tequio blobs`. */
export function define(command: Command, shell: Shell): void {
  command
    .command("show", { isDefault: true })
    .description("How many there are, the quotas, what the last pass found")
    .action(shell.act(() => show(shell)));
  const collect = command
    .command("gc")
    .description("Remove now what nothing names and nobody used for the grace")
    .option("--dry-run", "Only say what would go");
  collect.action(
    shell.act(async () => {
      const dryRun = collect.opts<{ dryRun?: true }>().dryRun === true;
      const reply = await (await shell.pool()).call("collectBlobs", { body: { dryRun } });
      if (!reply.ok) return reply;
      if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
      writeFacts(shell.terminal, passFacts(reply.value, dryRun ? "Would go" : "Removed"));
      return undefined;
    }),
  );
}

type Pass = CallReply<"collectBlobs">;

const amount = (count: number, size: number): string => `${counted(count, "blob")}, ${bytes(size)}`;

const passFacts = (pass: Pass, removed: string): [string, string][] => [
  ["Seen", amount(pass.blobs, pass.bytes)],
  ["Referred to", amount(pass.referenced, pass.referencedBytes)],
  ["Waiting", `${amount(pass.waiting, pass.waitingBytes)} that nothing names`],
  [removed, amount(pass.removed, pass.removedBytes)],
];

async function show(shell: Shell) {
  const reply = await (await shell.pool()).call("getBlobStore", {});
  if (!reply.ok) return reply;
  if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
  const { blobs, bytes: size, promisedBytes, last } = reply.value;
  const { poolBytesMax, projectBytesMax, runBytesMax, graceMs } = reply.value;
  writeFacts(shell.terminal, [
    ["Blobs", `${amount(blobs, size)} of ${bytes(poolBytesMax)}`],
    ["Under way", `${bytes(promisedBytes)} promised to uploads`],
    ["Quotas", `${bytes(projectBytesMax)} a project, ${bytes(runBytesMax)} a run`],
    ["Grace", `${graceMs / 3_600_000} h for what nothing names`],
    ...(last === undefined ? [] : passFacts(last, "Last removed")),
  ]);
  return undefined;
}
