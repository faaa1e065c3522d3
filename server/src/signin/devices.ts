// Sign-ins on machines without a browser: a code is shown there and typed elsewhere, at the
// provider (RFC 8628), or in the pool's own console by somebody who is signed in. The device asks
// again and again whether it was; only who began it can, by a secret.
import { randomInt } from "node:crypto";
import { LIMITS, type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import { Flows } from "./flows.ts";
import type { Claims, DeviceGrant, Provider } from "./oidc.ts";

/** Letters that nobody mistakes and that make no words (RFC 8628, 6.1): 8 of them are 34 bits,
 * and TRIES keeps those who guess slow. */
const LETTERS = "BCDFGHJKLMNPQRSTVWXZ";
const CODE_GROUPS = 2;
const GROUP_LETTERS = 4;
const POLL_MS = 2_000;

interface PoolDevice {
  readonly by: "pool";
  readonly userCode: string;
  readonly agent: string;
  readonly address: string;
  readonly startedAtMs: number;
  /** Who has approved it. */
  userId: string | undefined;
}
interface ProviderDevice {
  readonly by: "provider";
  readonly grant: DeviceGrant;
  intervalMs: number;
  /** Not asked before; so that a hasty device does not anger the provider. */
  nextAtMs: number;
}

/** What a device's question gives. */
export type Polled =
  | { readonly state: "waiting"; readonly intervalMs: number }
  | { readonly state: "claims"; readonly claims: Claims }
  | { readonly state: "user"; readonly userId: string };

export interface Started {
  readonly deviceId: string;
  readonly userCode: string;
  readonly verificationUrl: string;
  readonly completeUrl?: string;
  readonly by: "provider" | "pool";
  readonly expiresInMs: number;
  readonly intervalMs: number;
}

const newCode = (): string =>
  Array.from({ length: CODE_GROUPS }, () =>
    Array.from({ length: GROUP_LETTERS }, () => LETTERS[randomInt(LETTERS.length)]).join(""),
  ).join("-");

/** A code as it was typed: small letters, without the dash. */
const tidied = (code: string): string => {
  const letters = code.toUpperCase().replaceAll(/[^A-Z]/g, "");
  return `${letters.slice(0, GROUP_LETTERS)}-${letters.slice(GROUP_LETTERS)}`;
};

const stale = (): Refusal =>
  refuse("SIGN_IN_STALE", "No device waits with this code.", "Begin again: `tequio login`.");

export class Devices {
  readonly #now: () => number;
  readonly #devices: Flows<PoolDevice | ProviderDevice>;
  readonly #codes: Flows<PoolDevice>;

  constructor(now: () => number) {
    this.#now = now;
    this.#devices = new Flows(now);
    this.#codes = new Flows(now);
  }

  /** Begins one that somebody approves in the console at `url`. */
  beginHere(url: string, agent: string, address: string): Started {
    const userCode = newCode();
    const startedAtMs = this.#now();
    const device: PoolDevice = {
      ...{ by: "pool", userCode, agent, address, startedAtMs, userId: undefined },
    };
    this.#codes.begin(device, userCode);
    const verificationUrl = `${url}/#/device`;
    return {
      ...{ deviceId: this.#devices.begin(device), userCode, verificationUrl, by: "pool" },
      completeUrl: `${verificationUrl}/${userCode}`,
      ...{ expiresInMs: LIMITS.SIGN_IN_MS, intervalMs: POLL_MS },
    };
  }

  /** Begins one at the provider. Refuses what the provider refuses. */
  async beginThere(provider: Provider): Promise<Outcome<Started>> {
    const begun = await provider.beginDevice();
    if (!begun.ok) return begun;
    const grant = begun.value;
    const { userCode, verificationUrl, completeUrl, intervalMs } = grant;
    const nextAtMs = this.#now() + intervalMs;
    const deviceId = this.#devices.begin({ by: "provider", grant, intervalMs, nextAtMs });
    return ok({
      ...{ deviceId, userCode, verificationUrl, by: "provider", intervalMs },
      ...(completeUrl === undefined ? {} : { completeUrl }),
      expiresInMs: Math.min(grant.expiresInMs, LIMITS.SIGN_IN_MS),
    });
  }

  /** Whether it was approved; whom it then gives, it gives once. Refuses SIGN_IN_STALE. */
  async poll(deviceId: string, provider: Provider | undefined): Promise<Outcome<Polled>> {
    const device = this.#devices.get(deviceId);
    if (device === undefined) return stale();
    if (device.by === "pool") {
      if (device.userId === undefined) return ok({ state: "waiting", intervalMs: POLL_MS });
      this.#devices.take(deviceId);
      return ok({ state: "user", userId: device.userId });
    }
    const now = this.#now();
    const { intervalMs } = device;
    if (provider === undefined || now < device.nextAtMs) {
      return ok({ state: "waiting", intervalMs });
    }
    device.nextAtMs = now + intervalMs;
    const polled = await provider.pollDevice(device.grant.deviceCode);
    // A provider that is away for a moment ends nothing.
    if (!polled.ok && polled.code === "OIDC_UNREACHABLE") {
      return ok({ state: "waiting", intervalMs });
    }
    if (polled.ok && polled.value === "slower") device.intervalMs += intervalMs;
    if (polled.ok && typeof polled.value === "string") {
      return ok({ state: "waiting", intervalMs: device.intervalMs });
    }
    this.#devices.take(deviceId);
    return polled.ok ? ok({ state: "claims", claims: polled.value as Claims }) : polled;
  }

  /** Who waits under a code. Refuses SIGN_IN_STALE. */
  waiting(userCode: string): Outcome<PoolDevice> {
    const device = this.#codes.get(tidied(userCode));
    return device === undefined ? stale() : ok(device);
  }

  /** Lets the device in as a user, once. Refuses SIGN_IN_STALE. */
  approve(userCode: string, userId: string): Outcome<PoolDevice> {
    const device = this.#codes.take(tidied(userCode));
    if (device === undefined) return stale();
    device.userId = userId;
    return ok(device);
  }
}
