// Which accelerators answer a request, one condition after the other.
import type { Accelerator, Resources } from "../../pool/index.ts";

/** The kind that is asked for; a part is one of a GPU. Undefined: any. */
export const kindOf = ({ kind, partMilli }: Resources): Accelerator["kind"] | undefined =>
  kind ?? (partMilli === undefined ? undefined : "gpu");

/** A request without a kind is answered by accelerators of any kind. */
export function matchesKind(wanted: Resources, have: Accelerator): boolean {
  const kind = kindOf(wanted);
  return kind === undefined || kind === have.kind;
}

/** Vendors are compared without case. */
export const matchesVendor = (wanted: Resources, have: Accelerator): boolean =>
  wanted.vendor === undefined || wanted.vendor.toLowerCase() === have.vendor.toLowerCase();

/**
 * Models match by their first words, without case: `H100` is answered by `H100 SXM5 80GB`, but
 * `A10` is not answered by `A100`.
 */
export function matchesModel(wanted: Resources, have: Accelerator): boolean {
  if (wanted.model === undefined) return true;
  return `${words(have.model)} `.startsWith(`${words(wanted.model)} `);
}

/** In MiB; equal is enough, and a request without a bound asks for none. */
export const matchesMemory = (wanted: Resources, have: Accelerator): boolean =>
  have.memoryMiB >= (wanted.acceleratorMemoryMiB ?? 0);

/** True if the accelerator could serve the request. */
export const matches = (wanted: Resources, have: Accelerator): boolean =>
  matchesKind(wanted, have) &&
  matchesVendor(wanted, have) &&
  matchesModel(wanted, have) &&
  matchesMemory(wanted, have);

const words = (text: string): string => text.trim().toLowerCase().replace(/\s+/g, " ");
