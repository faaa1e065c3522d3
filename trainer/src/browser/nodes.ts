// What a tab lends: one node with one processor of as many cores as the person allowed, and half of
// the memory that the browser tells. A graphics processor is not named as such, since no job but a
// run's training could use it.

/** Browsers round memory to 8 GiB at most, and say nothing where they find it too telling. */
const MEMORY_GIB_DEFAULT = 4;

interface Navigator {
  readonly deviceMemory?: number;
}

/** The inventory of the tab of this site. */
export function nodesOf(
  siteId: string,
  threads: number,
  navigator = (globalThis as { navigator: Navigator }).navigator,
) {
  const memoryMiB = Math.floor((navigator.deviceMemory ?? MEMORY_GIB_DEFAULT) * 512);
  return [
    {
      name: `browser-${siteId.slice(-6)}`,
      ...{ os: "browser", arch: "wasm" },
      milliCpu: 1_000 * threads,
      memoryMiB,
      accelerators: [
        { id: "cpu0", kind: "cpu" as const, vendor: "browser", model: "browser tab", memoryMiB },
      ],
      labels: { "tequio/site": "browser" },
    },
  ];
}
