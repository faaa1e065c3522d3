// Sends this process through the proxies that its environment names; loaded only where it does.
import { setGlobalProxyFromEnv } from "node:http";
import { proxyEnvironment } from "@tequio/agent";

/** For this process and its children: requests, the agent's connection, measurements, training. */
export function useProxies(): void {
  const set = proxyEnvironment(process.env);
  Object.assign(process.env, set);
  setGlobalProxyFromEnv(set);
}
