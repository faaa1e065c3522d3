// The training graph in a real browser: the same bytes that Node runs, in WebAssembly with threads
// and on WebGPU (Chromium's own software device), give the same losses step by step. Correctness
// only: what WebGPU without a GPU takes in time says nothing.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { type Browser, chromium } from "playwright-core";
import { stepScalars } from "./adamw.ts";
import { trainingGraph } from "./graph.ts";
import { initialParameters, type ModelConfig } from "./layout.ts";
import { Trainee } from "./stretch.ts";
import { anyExecutor, randomTokens, TINY } from "./testing.ts";

const DIST = dirname(createRequire(import.meta.url).resolve("onnxruntime-web"));
const BATCH = 2;
const STEPS = 6;
const RATE = 0.01;
/** Between executors; on one of them losses repeat. */
const TOLERANCE = 1e-4;
/** A software device compiles some hundred shaders first. */
const WAIT_MS = 300_000;

const ARGS = [
  ...["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
  ...["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"],
];
const ISOLATED = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};
const TYPES: Readonly<Record<string, string>> = {
  mjs: "text/javascript",
  wasm: "application/wasm",
};

let server: Server;
let browser: Browser;
before(async () => {
  server = createServer(async (request, response) => {
    const name = /^\/([\w.-]+)$/.exec(request.url ?? "")?.[1];
    try {
      const body = name === undefined ? "<!doctype html>" : await readFile(join(DIST, name));
      const type = TYPES[name?.split(".").at(-1) ?? ""] ?? "text/html";
      response.writeHead(200, { "content-type": type, ...ISOLATED }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const executablePath = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
  browser = await chromium.launch({ executablePath, args: ARGS });
});
after(async () => {
  await browser?.close();
  server?.close();
});

interface Wish {
  readonly provider: "wasm" | "webgpu";
  readonly graph: string;
  readonly dims: Readonly<Record<string, readonly number[]>>;
  readonly start: readonly number[];
  readonly steps: readonly { x: number[]; y: number[]; sc: number[] }[];
}

/** What is used of the engine inside the page. */
interface Ort {
  readonly env: { readonly wasm: { wasmPaths: string; numThreads: number } };
  readonly Tensor: new (type: string, data: object, dims: readonly number[]) => object;
  readonly InferenceSession: {
    create(
      graph: Uint8Array,
      options: object,
    ): Promise<{ run(feeds: object): Promise<Record<string, { data: Float32Array }>> }>;
  };
}

/** Runs in the page. */
async function trainInPage({ provider, graph, dims, start, steps }: Wish) {
  const bundle = "/ort.webgpu.bundle.min.mjs";
  const ort = (await import(bundle)) as Ort;
  ort.env.wasm.wasmPaths = "/";
  ort.env.wasm.numThreads = 2;
  const bytes = Uint8Array.from(atob(graph), (letter) => letter.charCodeAt(0));
  const session = await ort.InferenceSession.create(bytes, { executionProviders: [provider] });
  const float = (name: string, data: Float32Array) => new ort.Tensor("float32", data, dims[name]!);
  const ids = (name: string, data: number[]) =>
    new ort.Tensor("int32", Int32Array.from(data), dims[name]!);
  let p = Float32Array.from(start);
  let [m, v] = [new Float32Array(p.length), new Float32Array(p.length)];
  const losses: number[] = [];
  for (const { x, y, sc } of steps) {
    const state = { p: float("p", p), m: float("m", m), v: float("v", v) };
    const given = { x: ids("x", x), y: ids("y", y), sc: float("sc", Float32Array.from(sc)) };
    const out = await session.run({ ...state, ...given });
    losses.push(out.loss!.data[0]!);
    [p, m, v] = [out.p2!, out.m2!, out.v2!].map(({ data }) => new Float32Array(data)) as [
      Float32Array<ArrayBuffer>,
      Float32Array<ArrayBuffer>,
      Float32Array<ArrayBuffer>,
    ];
  }
  return { losses, isolated: Reflect.get(globalThis, "crossOriginIsolated") === true };
}

async function checkLosses(provider: Wish["provider"], config: ModelConfig): Promise<void> {
  const start = initialParameters(config, 3);
  const batches = Array.from({ length: STEPS }, (_, step) => randomTokens(config, BATCH, step));
  const trainee = new Trainee(await anyExecutor(), config);
  const wanted: number[] = [];
  const stretch = await trainee.runStretch({
    ...{ parameters: start, innerSteps: STEPS, batch: BATCH, lrStart: RATE, lrEnd: RATE },
    batches: (step) => batches[step]!,
    onStep: ({ loss }) => wanted.push(loss),
  });
  assert.ok(stretch.ok);
  await trainee.release();

  const graph = trainingGraph({ ...config, batch: BATCH });
  const page = await browser.newPage();
  page.setDefaultTimeout(WAIT_MS);
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const seen = await page.evaluate(trainInPage, {
    provider,
    graph: Buffer.from(graph.bytes).toString("base64"),
    dims: Object.fromEntries(Object.entries(graph.inputs).map(([name, { dims }]) => [name, dims])),
    start: [...start],
    steps: batches.map(({ x, y }, step) => ({
      ...{ x: [...x], y: [...y] },
      sc: [...stepScalars(RATE, step + 1)],
    })),
  });
  await page.close();
  assert.equal(seen.isolated, true, "threads need a page that is isolated from others");
  for (const [step, loss] of wanted.entries()) {
    const text = `step ${step}: ${seen.losses[step]} in the browser, ${loss} here`;
    assert.ok(Math.abs(seen.losses[step]! - loss) < TOLERANCE, text);
  }
  assert.ok(wanted.at(-1) !== wanted[0], "something was learned");
}

const LOOKED_UP = { ...TINY, vocab: 600, layers: 1 };

test("losses in the browser's WebAssembly are Node's to 1e-4", () => checkLosses("wasm", TINY));
test("so they are with ids that are looked up", () => checkLosses("wasm", LOOKED_UP));
test("losses on WebGPU are Node's to 1e-4", () => checkLosses("webgpu", TINY));
test("so they are on WebGPU with ids that are looked up", () => checkLosses("webgpu", LOOKED_UP));
