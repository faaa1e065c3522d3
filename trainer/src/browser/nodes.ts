// What a tab lends: one node with one processor, half of what the browser says that it has. A
// graphics processor is not named as such, since no job but a run's training could use it.

/** Cores of a node that are lent at most: see the engine's threads. */
const CORES_MAX = 4;
/** Browsers round memory to 8 GiB at most, and say nothing where they find it too telling. */
const MEMORY_GIB_DEFAULT = 4;

interface Navigator {
  readonly hardwareConcurrency?: number;
  readonly deviceMemory?: number;
}

/** The inventory of the tab of this site. */
export function nodesOf(
  siteId: string,
  navigator = (globalThis as { navigator: Navigator }).navigator,
) {
  const cores = Math.max(
    1,
    Math.min(CORES_MAX, Math.floor((navigator.hardwareConcurrency ?? 2) / 2)),
  );
  const memoryMiB = Math.floor((navigator.deviceMemory ?? MEMORY_GIB_DEFAULT) * 512);
  return [
    {
      name: `browser-${siteId.slice(-6)}`,
      ...{ os: "browser", arch: "wasm" },
      milliCpu: 1_000 * cores,
      memoryMiB,
      accelerators: [
        { id: "cpu0", kind: "cpu" as const, vendor: "browser", model: "browser tab", memoryMiB },
      ],
      labels: { "tequio/site": "browser" },
    },
  ];
}
