// The arithmetic of a merge over windows of coded deltas, without decoding them whole: sums of
// squares, the model that a delta is tried on, the weighted sum and the outer step. Bit for bit
// what core/training computes from decoded vectors. The inner loops are fold.wat; who reads the
// windows, and on which thread this runs, is left to others.
import { assert } from "@tequio/core/pool";
import {
  addSquares,
  type CodedHeader,
  decodeWindow,
  HEADER_BYTES,
  NORM_SEGMENT,
  type OuterSettings,
  outerStepInPlace,
  readHeader,
  WINDOW_STEP,
} from "@tequio/core/training";
import { FOLD_WASM } from "./fold-wasm.ts";

/** A window of a coded delta, as a message of its own, and the factor of its values. */
export interface FoldPart {
  readonly message: Uint8Array;
  readonly weight: number;
}

/** Values that are worked on at a time: their sums, codes and scales stay in the first cache. */
const SLICE = WINDOW_STEP;
const BLOCK = 256;

/** Where things lie in the kernel's memory, in bytes. */
const AT = {
  sums: 0,
  codes16: 8 * SLICE,
  floats: 8 * SLICE,
  codes: 12 * SLICE,
  scales: 13 * SLICE,
};
const MEMORY_PAGES = 2;

type Kernel = Record<
  "unpack2" | "unpack4" | "unpack8" | "squares" | "addCodes" | "addFloats",
  (...values: number[]) => number
>;

/** What is used of WebAssembly's interface; TypeScript has its types only among those of a page. */
interface WebAssemblyHost {
  readonly Memory: new (size: {
    initial: number;
    maximum: number;
  }) => {
    readonly buffer: ArrayBuffer;
  };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Kernel };
}

/** Bits of a code and the code that does not occur. */
const CODES = {
  int8: { bits: 8, unpack: "unpack8", never: -128 },
  int4: { bits: 4, unpack: "unpack4", never: -8 },
  ternary: { bits: 2, unpack: "unpack2", never: -2 },
} as const;

/** Halves as 32-bit floats, by their bits: made once, for scales come by the million. */
const HALVES = Float32Array.from({ length: 0x8000 }, (_, half) => {
  const exponent = half >>> 10;
  const fraction = half & 0x3ff;
  if (exponent === 31) return Number.NaN;
  return exponent === 0 ? fraction * 2 ** -24 : (1_024 + fraction) * 2 ** (exponent - 25);
});

export class Fold {
  readonly #kernel: Kernel;
  readonly #bytes: Uint8Array;
  readonly #sums: Float64Array;
  readonly #floats: Float32Array;
  readonly #scales: Float32Array;
  readonly #mean = new Float32Array(SLICE);

  constructor() {
    const { Memory, Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyHost })
      .WebAssembly;
    const memory = new Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES });
    const module = new Module(Buffer.from(FOLD_WASM, "base64"));
    this.#kernel = new Instance(module, { host: { memory } }).exports;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#sums = new Float64Array(memory.buffer, AT.sums, SLICE);
    this.#floats = new Float32Array(memory.buffer, AT.floats, SLICE);
    this.#scales = new Float32Array(memory.buffer, AT.scales, SLICE / BLOCK);
  }

  /**
   * Sums of squares of a window that begins at a multiple of NORM_SEGMENT, one for each segment;
   * or in words what of it no coder writes. Every value is looked at, so the other calls need not.
   */
  squares(message: Uint8Array): readonly number[] | string {
    const header = headerOf(message);
    if (typeof header === "string") return header;
    const squares: number[] = [];
    for (let from = 0; from < header.count; from += SLICE) {
      if (from % NORM_SEGMENT === 0) squares.push(0);
      const size = Math.min(SLICE, header.count - from);
      const sum = this.#addSquares(header, message, from, size, squares.at(-1)!);
      if (typeof sum === "string") return sum;
      squares[squares.length - 1] = sum;
    }
    return squares;
  }

  /** model - weight x delta, as `candidate` of core/training. The window is a sound one. */
  candidate({ message, weight }: FoldPart, model: Float32Array, into: Float32Array): void {
    for (let from = 0; from < model.length; from += SLICE) {
      const sums = this.#sum([{ message, weight }], from, Math.min(SLICE, model.length - from));
      for (let i = 0; i < sums.length; i += 1) into[from + i] = model[from + i]! - sums[i]!;
    }
  }

  /**
   * The outer step by the sum of the parts over `total`, as `weightedMean` and `outerStepInPlace`:
   * the part's weight is clip factor times weight. Changes the window's model and momentum.
   */
  merge(
    parts: readonly FoldPart[],
    total: number,
    model: Float32Array,
    momentum: Float32Array,
    settings: OuterSettings,
  ): void {
    for (let from = 0; from < model.length; from += SLICE) {
      const size = Math.min(SLICE, model.length - from);
      const sums = this.#sum(parts, from, size);
      const mean = this.#mean.subarray(0, size);
      for (let i = 0; i < size; i += 1) mean[i] = sums[i]! / total;
      const owned = {
        model: model.subarray(from, from + size),
        momentum: momentum.subarray(from, from + size),
      };
      outerStepInPlace(owned, mean, settings);
    }
  }

  /** Sum of weight x value over the parts, in their order; valid until the next call. */
  #sum(parts: readonly FoldPart[], from: number, size: number): Float64Array {
    this.#sums.fill(0);
    for (const { message, weight } of parts) {
      const header = headerOf(message);
      assert(typeof header !== "string", "a window that is added was looked at before");
      if (this.#loadCodes(header, message, from, size)) {
        const end = AT.scales + (4 * size) / BLOCK;
        this.#kernel.addCodes(AT.codes16, AT.scales, end, AT.sums, weight);
      } else {
        const values = valuesOf(header, message, from, size);
        assert(typeof values !== "string", "a window that is added was looked at before");
        this.#floats.set(values);
        this.#floats.fill(0, size);
        this.#kernel.addFloats(AT.floats, AT.floats + 4 * SLICE, AT.sums, weight);
      }
    }
    return this.#sums.subarray(0, size);
  }

  #addSquares(
    header: CodedHeader,
    message: Uint8Array,
    from: number,
    size: number,
    before: number,
  ): number | string {
    if (this.#loadCodes(header, message, from, size)) {
      const { never } = CODES[header.codec as keyof typeof CODES];
      const end = AT.scales + (4 * size) / BLOCK;
      const sum = this.#kernel.squares(AT.codes16, AT.scales, end, never, before);
      // A scale that is not finite, or too large for its codes, shows in the sum.
      if (sum >= 0 && sum < Number.POSITIVE_INFINITY && !this.#overflows(header)) return sum;
    }
    const values = valuesOf(header, message, from, size);
    return typeof values === "string" ? values : addSquares(before, values);
  }

  /** Whether the largest code times a scale of the slice may be above what fp32 holds. */
  #overflows({ codec, exponent }: CodedHeader): boolean {
    // The largest half is below 2^16, the largest code below 2^7.
    return codec !== "fp32" && exponent > 127 - 16 - 7;
  }

  /** Unpacks codes and scales of whole blocks; false when the slice needs the slow way. */
  #loadCodes(header: CodedHeader, message: Uint8Array, from: number, size: number): boolean {
    const { codec, count, exponent } = header;
    if (!(codec in CODES) || size % BLOCK !== 0) return false;
    const { bits, unpack } = CODES[codec as keyof typeof CODES];
    const power = 2 ** exponent;
    let at = HEADER_BYTES + (2 * from) / BLOCK;
    for (let i = 0; i < size / BLOCK; i += 1, at += 2) {
      const half = message[at]! | (message[at + 1]! << 8);
      if (half >= 0x7c00) return false;
      this.#scales[i] = HALVES[half]! * power;
    }
    const start = HEADER_BYTES + 2 * Math.ceil(count / BLOCK) + (from * bits) / 8;
    const bytes = (size * bits) / 8;
    this.#bytes.set(message.subarray(start, start + bytes), AT.codes);
    this.#kernel[unpack](AT.codes, AT.codes16, AT.codes + bytes);
    return true;
  }
}

/** A header that fits its message, or what is wrong with it. */
function headerOf(message: Uint8Array): CodedHeader | string {
  const header = readHeader(message);
  return header.ok ? header.value : `${header.code}: ${header.message}`;
}

/** Some values decoded by the plain coder, or what of them no coder writes. */
function valuesOf(
  header: CodedHeader,
  message: Uint8Array,
  from: number,
  size: number,
): Float32Array | string {
  const values = decodeWindow(message, header, from, from + size);
  return values.ok ? values.value : `${values.code}: ${values.message}`;
}
