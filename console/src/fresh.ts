// Keeps one thing fresh without asking too often: changes that arrive while an answer is on its
// way cost one more question, and a slow answer is given a rest in proportion before the next.

/** Rest after an answer, in multiples of the time it took: at most a fifth of a link is ours. */
export const REST_FACTOR = 4;

export interface Fresh {
  /** Something changed: ask now, or as soon as the last answer has had its rest. */
  readonly ask: () => void;
  readonly stop: () => void;
}

/** Makes a keeper around `fetchOnce`, which must not throw. */
export function makeFresh(fetchOnce: () => Promise<void>): Fresh {
  let busy = false;
  let again = false;
  let stopped = false;
  let restsUntil = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function load(): Promise<void> {
    timer = undefined;
    busy = true;
    again = false;
    const start = performance.now();
    await fetchOnce();
    const end = performance.now();
    restsUntil = end + REST_FACTOR * (end - start);
    busy = false;
    if (again) ask();
  }

  function ask(): void {
    if (stopped || timer !== undefined) return;
    again = busy;
    if (busy) return;
    const waitMs = restsUntil - performance.now();
    if (waitMs <= 0) void load();
    else timer = setTimeout(() => void load(), waitMs);
  }

  return {
    ask,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
