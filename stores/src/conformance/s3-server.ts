// Starts a real S3-compatible server for the suites that need one: Moto's server mode, which keeps
// everything in memory. MOTO_SERVER names its program when it is not on the path.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

/** A cold start of Python on a busy machine takes 10 s. */
const START_MS = 60_000;
const HINT = "install it with `pip install 'moto[server]'`, or set MOTO_SERVER to its program";

export const S3_CREDENTIALS = { accessKeyId: "tester", secretAccessKey: "not-a-secret" };

/** How the store's client reaches a bucket of the server. */
export interface BucketOptions {
  readonly endpoint: string;
  readonly bucket: string;
  readonly prefix: string;
  readonly credentials: typeof S3_CREDENTIALS;
  readonly forcePathStyle: boolean;
}

export interface S3Server {
  readonly endpoint: string;
  readonly port: number;
  readonly options: (bucket: string, prefix?: string) => BucketOptions;
  readonly makeBucket: (name: string) => Promise<void>;
  /** Ends at once, as a crash does. */
  readonly kill: () => Promise<void>;
}

/** A port that is free now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Starts a server, empty; throws with a hint when there is none on this machine. */
export async function startS3(port?: number): Promise<S3Server> {
  const own = port ?? (await freePort());
  const program = process.env.MOTO_SERVER ?? "moto_server";
  const child = spawn(program, ["-H", "127.0.0.1", "-p", String(own)], { stdio: "ignore" });
  const failed = once(child, "error").then(([error]) => {
    throw new Error(`${program} does not start (${String(error)}); ${HINT}.`);
  });
  failed.catch(() => undefined);
  const endpoint = `http://127.0.0.1:${own}`;
  await Promise.race([failed, answering(child, endpoint)]);
  const options = (bucket: string, prefix = ""): BucketOptions => ({
    ...{ endpoint, bucket, prefix, credentials: S3_CREDENTIALS, forcePathStyle: true },
  });
  return {
    ...{ endpoint, port: own, options },
    makeBucket: (name) => makeBucket(endpoint, name),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

async function answering(child: ChildProcess, endpoint: string): Promise<void> {
  const giveUpAt = performance.now() + START_MS;
  while (performance.now() < giveUpAt) {
    const reply = await fetch(endpoint).catch(() => undefined);
    await reply?.arrayBuffer();
    if (reply !== undefined) return;
    if (child.exitCode !== null)
      throw new Error(`The server ended with ${child.exitCode}; ${HINT}.`);
    await new Promise((done) => setTimeout(done, 50));
  }
  child.kill("SIGKILL");
  throw new Error(`${endpoint} did not answer within ${START_MS} ms.`);
}

async function makeBucket(endpoint: string, name: string): Promise<void> {
  // Only those who make a bucket wait for the client to load.
  const { CreateBucketCommand, S3Client } = await import("@aws-sdk/client-s3");
  const client = new S3Client({
    ...{ endpoint, region: "us-east-1", credentials: S3_CREDENTIALS, forcePathStyle: true },
  });
  await client.send(new CreateBucketCommand({ Bucket: name }));
  client.destroy();
}
