// How fast a tab and its way to the pool are, in about two seconds: the pool's first guess at its
// share of a round, which the first contribution puts right.
import type { Calibration } from "@tequio/core/pool";

/** Side of the squares that are multiplied; 2 x 192^3 operations take some ten milliseconds. */
const SIDE = 192;
const PRODUCTS = 8;
/** One transfer each way. */
const PROBE_BYTES = 1_048_576;

/** Throws when the pool cannot be reached. */
export async function measureTab(poolUrl: string, siteToken: string): Promise<Calibration> {
  const headers = { authorization: `Bearer ${siteToken}` };
  const probe = async (bytes: number): Promise<number> => {
    const startedMs = performance.now();
    const reply = await fetch(`${poolUrl}/v1/probe?bytes=${bytes}`, { headers });
    await reply.arrayBuffer();
    return Math.max(0.1, performance.now() - startedMs);
  };
  await probe(1); // opens the connection
  const rttMs = await probe(1);
  const downMs = await probe(PROBE_BYTES);
  const type = { "content-type": "application/octet-stream" };
  const startedMs = performance.now();
  const init = { method: "POST", body: new Uint8Array(PROBE_BYTES) };
  await (await fetch(`${poolUrl}/v1/probe`, { ...init, headers: { ...headers, ...type } })).text();
  const upMs = Math.max(0.1, performance.now() - startedMs);
  const mbitPerS = (ms: number): number => (PROBE_BYTES * 8) / ms / 1_000;
  const link = { rttMs, upMbitPerS: mbitPerS(upMs), downMbitPerS: mbitPerS(downMs) };
  return { gemmGflops: gemmGflops(), memoryGBPerS: memoryGBPerS(), link };
}

/** Of JavaScript on one thread: below what the engine reaches, never above. */
function gemmGflops(): number {
  const [a, b, c] = [0, 1, 2].map(() => new Float32Array(SIDE * SIDE).fill(0.5)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const startedMs = performance.now();
  for (let product = 0; product < PRODUCTS; product += 1) multiply(a, b, c);
  const tookMs = Math.max(0.1, performance.now() - startedMs);
  return (PRODUCTS * 2 * SIDE ** 3) / tookMs / 1e6;
}

function multiply(a: Float32Array, b: Float32Array, c: Float32Array): void {
  for (let row = 0; row < SIDE; row += 1) {
    for (let k = 0; k < SIDE; k += 1) {
      const factor = a[row * SIDE + k]!;
      for (let column = 0; column < SIDE; column += 1) {
        c[row * SIDE + column] = c[row * SIDE + column]! + factor * b[k * SIDE + column]!;
      }
    }
  }
}

function memoryGBPerS(): number {
  const from = new Float32Array(8_388_608).fill(1);
  const to = new Float32Array(from.length);
  const startedMs = performance.now();
  to.set(from);
  return (2 * from.byteLength) / Math.max(0.1, performance.now() - startedMs) / 1e6;
}
