/**
 * The vectors of a training step (parameters, moments, gradient) and the AdamW step on them as one
 * pass over memory. As ONNX nodes the same step is fourteen passes, which for small batches takes
 * longer than the gradient itself. The formula and its constants are adamw.ts; the loop is
 * kernels/adamw.wat.
 */
import { BETA1, BETA2, EPSILON } from "./adamw.ts";
import { ADAMW_WASM } from "./kernels/adamw-wasm.ts";

/** All of length N. Valid until the next call of `openVectors` for the same trainee. */
export interface StepVectors {
  readonly p: Float32Array<ArrayBuffer>;
  readonly m: Float32Array<ArrayBuffer>;
  readonly v: Float32Array<ArrayBuffer>;
  readonly g: Float32Array<ArrayBuffer>;
  /**
   * Moves p, m and v by the gradient in g.
   * @param scalars lr / (1-b1^t), 1 / (1-b2^t), lr wd: see `stepScalars`
   * @param span only these places; without it all
   */
  step(scalars: Float32Array, span?: Span): void;
}

const LANE_BYTES = 16;
const PAGE_BYTES = 65_536;
/** Pages that 32-bit addresses reach. */
const PAGES_MAX = 65_536;

/** Places `from` to `to` (not included). */
export interface Span {
  readonly from: number;
  readonly to: number;
}

const FLOAT_BYTES = 4;

type Kernel = (...addressesAndFactors: number[]) => void;

/** What is used of WebAssembly's interface; TypeScript has its types only among those of a page. */
interface WebAssemblyHost {
  readonly Memory: new (size: {
    initial: number;
    maximum: number;
  }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: object,
  ) => { readonly exports: { readonly step: Kernel } };
}

/** Zeroed vectors of `count` parameters, 16 bytes for each. */
export function openVectors(count: number): StepVectors {
  const bytes = Math.ceil((count * 4) / LANE_BYTES) * LANE_BYTES;
  const pages = Math.ceil((4 * bytes) / PAGE_BYTES);
  // Beyond 268 million parameters one 32-bit memory is too small for the four vectors.
  return pages <= PAGES_MAX ? wasmVectors(count, bytes, pages) : plainVectors(count);
}

function wasmVectors(count: number, bytes: number, pages: number): StepVectors {
  const { Memory, Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyHost })
    .WebAssembly;
  const memory = new Memory({ initial: pages, maximum: pages });
  const module = new Module(fromBase64(ADAMW_WASM));
  const kernel = new Instance(module, { host: { memory } }).exports.step;
  const vector = (index: number) => new Float32Array(memory.buffer, index * bytes, count);
  const vectors = { p: vector(0), m: vector(1), v: vector(2), g: vector(3) };
  return {
    ...vectors,
    step(scalars, { from, to } = { from: 0, to: bytes / FLOAT_BYTES }) {
      const [rate, bias2, decay] = scalars as unknown as readonly [number, number, number];
      const betas = [BETA1, 1 - BETA1, BETA2, 1 - BETA2];
      const at = [0, 1, 2, 3].map((index) => index * bytes + from * FLOAT_BYTES);
      const length = (to - from) * FLOAT_BYTES;
      const lanes = length - (length % LANE_BYTES);
      kernel(...at, lanes, ...betas, rate, bias2, 1 - decay, EPSILON);
      // What follows a span is not its own, so the last few are not done four at a time.
      plainStep(vectors, scalars, { from: from + lanes / FLOAT_BYTES, to });
    },
  };
}

type Vectors = Omit<StepVectors, "step">;

/** The same in JavaScript: seven times slower, and rounded once for each result. */
export function plainVectors(count: number): StepVectors {
  const vector = () => new Float32Array(count);
  const vectors = { p: vector(), m: vector(), v: vector(), g: vector() };
  return {
    ...vectors,
    step: (scalars, span = { from: 0, to: count }) => plainStep(vectors, scalars, span),
  };
}

function plainStep({ p, m, v, g }: Vectors, scalars: Float32Array, { from, to }: Span): void {
  const [rate, bias2, decay] = scalars as unknown as readonly [number, number, number];
  for (let i = from; i < to; i += 1) {
    const gradient = g[i]!;
    const m2 = BETA1 * m[i]! + (1 - BETA1) * gradient;
    const v2 = BETA2 * v[i]! + (1 - BETA2) * gradient * gradient;
    m[i] = m2;
    v[i] = v2;
    p[i] = p[i]! * (1 - decay) - (rate * m2) / (Math.sqrt(v2 * bias2) + EPSILON);
  }
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
