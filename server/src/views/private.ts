// What a job says in confidence: its environment often carries keys to other services. Whoever may
// not read what a job wrote sees the names of its variables, not their values. Pure.
import type { Event } from "@tequio/core/controller";

const HIDDEN = "(hidden)";

/** The same names without their values. */
export const hiddenValues = (env: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.keys(env).map((name) => [name, HIDDEN]));

/** An event whose job keeps its values to itself. */
export function withoutValues(event: Event): Event {
  if (!("spec" in event)) return event;
  const groups = event.spec.groups.map((group) => ({ ...group, env: hiddenValues(group.env) }));
  return { ...event, spec: { ...event.spec, groups } };
}
