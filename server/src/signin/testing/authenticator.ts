// An authenticator in software, for tests: one that keeps ES256 keys, says that it has asked its
// owner, and answers as WebAuthn Level 3 has it (attestation "none").
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const ATTESTED = 0x40;

interface Credential {
  readonly id: Buffer;
  readonly rpId: string;
  readonly userHandle: string;
  readonly privateKey: KeyObject;
  counter: number;
}

type Options = Readonly<Record<string, unknown>>;

/** CBOR of unsigned and negative numbers, text, bytes and maps: all that is needed here. */
function cbor(value: unknown): Buffer {
  const head = (major: number, count: number): Buffer => {
    if (count < 24) return Buffer.from([(major << 5) | count]);
    if (count < 256) return Buffer.from([(major << 5) | 24, count]);
    return Buffer.from([(major << 5) | 25, count >> 8, count & 255]);
  };
  if (typeof value === "number") return value >= 0 ? head(0, value) : head(1, -1 - value);
  if (typeof value === "string") return Buffer.concat([head(3, value.length), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  const pairs = [...(value as Map<unknown, unknown>)];
  return Buffer.concat([head(5, pairs.length), ...pairs.flatMap(([k, v]) => [cbor(k), cbor(v)])]);
}

export class Authenticator {
  /** The page that it believes to be on. */
  origin: string;
  readonly #credentials: Credential[] = [];
  /** False: it has not asked its owner, e.g. a stolen key that is only touched. */
  verifiesUser = true;

  constructor(origin: string) {
    this.origin = origin;
  }

  #clientData(type: string, challenge: unknown): Buffer {
    return Buffer.from(
      JSON.stringify({ type, challenge, origin: this.origin, crossOrigin: false }),
    );
  }

  #data(rpId: string, counter: number, attested?: Buffer): Buffer {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(counter);
    const verified = this.verifiesUser ? USER_VERIFIED : 0;
    const flags = USER_PRESENT | verified | (attested === undefined ? 0 : ATTESTED);
    const rpHash = createHash("sha256").update(rpId).digest();
    return Buffer.concat([rpHash, Buffer.from([flags]), count, attested ?? Buffer.alloc(0)]);
  }

  /** Makes a passkey by the options of a registration. */
  make(options: Options): Record<string, unknown> {
    const { id: rpId } = options.rp as { readonly id: string };
    const { id: userHandle } = options.user as { readonly id: string };
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const { x, y } = publicKey.export({ format: "jwk" });
    const id = randomBytes(32);
    this.#credentials.push({ id, rpId, userHandle, privateKey, counter: 0 });
    const bytes = (text: string | undefined): Buffer => Buffer.from(text ?? "", "base64url");
    // COSE: kty EC2, alg ES256, curve P-256, x, y.
    const key = cbor(
      new Map<number, unknown>([
        [1, 2],
        [3, -7],
        [-1, 1],
        [-2, bytes(x)],
        [-3, bytes(y)],
      ]),
    );
    const attested = Buffer.concat([Buffer.alloc(16), Buffer.from([0, id.length]), id, key]);
    const object = cbor(
      new Map<string, unknown>([
        ["fmt", "none"],
        ["attStmt", new Map()],
        ["authData", this.#data(rpId, 0, attested)],
      ]),
    );
    return {
      ...{ id: id.toString("base64url"), rawId: id.toString("base64url"), type: "public-key" },
      clientExtensionResults: {},
      response: {
        clientDataJSON: this.#clientData("webauthn.create", options.challenge).toString(
          "base64url",
        ),
        attestationObject: object.toString("base64url"),
        transports: ["internal"],
      },
    };
  }

  /** Uses a passkey (the newest) by the options of a sign-in. `step`: how its counter goes on. */
  use(options: Options, step = 1): Record<string, unknown> {
    const credential = this.#credentials.at(-1)!;
    credential.counter += step;
    const data = this.#data(credential.rpId, credential.counter);
    const client = this.#clientData("webauthn.get", options.challenge);
    const signed = Buffer.concat([data, createHash("sha256").update(client).digest()]);
    const id = credential.id.toString("base64url");
    return {
      ...{ id, rawId: id, type: "public-key", clientExtensionResults: {} },
      response: {
        clientDataJSON: client.toString("base64url"),
        authenticatorData: data.toString("base64url"),
        signature: sign("sha256", signed, credential.privateKey).toString("base64url"),
        userHandle: credential.userHandle,
      },
    };
  }
}
