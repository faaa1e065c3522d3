// What both ends of the gateway sign and agree on, without any schema.

export const GATEWAY_PROTOCOL = 1;

export { REPLICA_COMMAND, TRAINER_COMMAND } from "@tequio/core/pool";

/** The bytes that a new key signs, so that nobody proposes a key of somebody else. */
export const newKeyText = (poolId: string, siteId: string, publicKey: string): string =>
  `tequio-new-key-1\n${poolId}\n${siteId}\n${publicKey}`;

/** The bytes that a tab signs beforehand, for the moment at which it is closed: they end the one
 * connection of that nonce and no other. */
export const leaveText = (poolId: string, siteId: string, nonce: string): string =>
  `tequio-leave-1\n${poolId}\n${siteId}\n${nonce}`;

/** The bytes that the agent signs to prove who it is. */
export const helloText = (poolId: string, siteId: string, nonce: string): string =>
  `tequio-gateway-1\n${poolId}\n${siteId}\n${nonce}`;
