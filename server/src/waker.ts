// Wakes long polls: whoever waits for news of a job, a lease or a log names it and is told once.
// It says that something happened, not what: the waiter looks at the state again.

/** Something that can be waited for, e.g. `job 17` or `log L3 0`. */
export type Topic = string;

export interface Waker {
  /** Wakes everybody who waits for the topic. */
  readonly wake: (topic: Topic) => void;
  /** Resolves at the next wake of the topic, after `ms`, or when `signal` is aborted. */
  readonly wait: (topic: Topic, ms: number, signal: AbortSignal) => Promise<void>;
}

/** Makes a waker with nobody waiting. */
export function makeWaker(): Waker {
  const waiting = new Map<Topic, Set<() => void>>();
  return {
    wake(topic) {
      const waiters = waiting.get(topic);
      waiting.delete(topic);
      for (const done of waiters ?? []) done();
    },
    wait(topic, ms, signal) {
      if (ms <= 0 || signal.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const waiters = waiting.get(topic) ?? new Set();
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener("abort", done);
          waiters.delete(done);
          if (waiters.size === 0 && waiting.get(topic) === waiters) waiting.delete(topic);
          resolve();
        };
        const timer = setTimeout(done, ms);
        signal.addEventListener("abort", done, { once: true });
        waiters.add(done);
        waiting.set(topic, waiters);
      });
    },
  };
}
