// Which requests are bound: those that only a small part of the pool's accelerators can serve.

/** A request is bound if it can use less than this part of all accelerators. */
const BOUND_PART = 0.5;

/** Whether hardware that may be used makes a request bound. */
export function isBound(usable: (hardware: number) => boolean, all: Float64Array): boolean {
  let [sum, some] = [0, 0];
  for (const [hardware, count] of all.entries()) {
    sum += count;
    if (usable(hardware)) some += count;
  }
  return some < BOUND_PART * sum;
}
