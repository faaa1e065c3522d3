// A folder that joined again belongs to another pool, whose lease ids, job ids and fences begin
// anew, while the engine still knows those of the pool before. From the second join on, ids get a
// suffix on their way into the engine, so that old and new never meet. The first join, which is
// nearly every one, sees ids unchanged.
import { LIMITS } from "@tequio/core/pool";
import type { Engine, LeaseStatus } from "@tequio/engines";

export interface GenerationEngine {
  /** The engine as the pool of this generation knows it. */
  readonly engine: Engine;
  /** Stops leases of earlier pools, and forgets those that have ended. */
  readonly clearEarlier: () => Promise<void>;
}

/** Wraps an engine for the n-th join of its folder. */
export function engineOfGeneration(engine: Engine, generation: number): GenerationEngine {
  if (generation === 1) return { engine, clearEarlier: async () => {} };
  const suffix = `.g${generation}`;
  const isOwn = (status: LeaseStatus) => status.leaseId.endsWith(suffix);
  const inside = (id: string) => `${id}${suffix}`;
  const outside = (id: string) => id.slice(0, -suffix.length);
  const told = (status: LeaseStatus): LeaseStatus => ({
    ...status,
    leaseId: outside(status.leaseId),
    jobId: outside(status.jobId),
  });
  const wrapped: Engine = {
    traits: engine.traits,
    inventory: () => engine.inventory(),
    start: (lease) => {
      // Engines tell the task the job id that they know; a secret variable goes over theirs.
      const secret = { TEQUIO_JOB_ID: lease.jobId };
      const tasks = lease.tasks.map((task) => ({
        ...task,
        secretEnv: { ...task.secretEnv, ...secret },
      }));
      const [leaseId, jobId] = [inside(lease.leaseId), inside(lease.jobId)];
      return engine.start({ ...lease, leaseId, jobId, tasks });
    },
    stop: (leaseId, request) => engine.stop(inside(leaseId), request),
    extend: (deadlineMs) => engine.extend(deadlineMs),
    list: async () => (await engine.list()).filter(isOwn).map(told),
    log: (leaseId, request) => engine.log(inside(leaseId), request),
    forget: (leaseId) => engine.forget(inside(leaseId)),
    measure: (request) => engine.measure(request),
    onChange: (listener) =>
      engine.onChange((status) => {
        if (isOwn(status)) listener(told(status));
      }),
    close: () => engine.close(),
  };
  const clearEarlier = async (): Promise<void> => {
    for (const status of await engine.list()) {
      if (isOwn(status)) continue;
      if (status.state === "ended") await engine.forget(status.leaseId);
      else {
        const why = "The pool of this lease does not know the site any more.";
        await engine.stop(status.leaseId, { graceMs: LIMITS.STOP_GRACE_MS, why });
      }
    }
  };
  return { engine: wrapped, clearEarlier };
}
