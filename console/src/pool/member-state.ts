// One word for a member: what the operator asked for, or else whether its sites are here.
import type { MemberView } from "@tequio/contract";

export type MemberState = "invited" | "here" | "away" | "draining" | "recalled";

/** The state that the console shows for a member. */
export function memberState(member: Pick<MemberView, "state" | "sites">): MemberState {
  if (member.state !== "active") return member.state;
  return member.sites.some((site) => site.state === "here") ? "here" : "away";
}

export interface AcceleratorGroup {
  readonly vendor: string;
  readonly model: string;
  readonly kind: "cpu" | "gpu";
  readonly memoryMiB: number;
  readonly count: number;
}

type Node = MemberView["sites"][number]["nodes"][number];

/** Equal accelerators together, most first: `8 x H100`, not eight lines. */
export function groupAccelerators(nodes: readonly Node[]): readonly AcceleratorGroup[] {
  const groups = new Map<string, AcceleratorGroup>();
  for (const { vendor, model, kind, memoryMiB } of nodes.flatMap((node) => node.accelerators)) {
    const key = JSON.stringify([vendor, model, kind, memoryMiB]);
    const count = (groups.get(key)?.count ?? 0) + 1;
    groups.set(key, { vendor, model, kind, memoryMiB, count });
  }
  return [...groups.values()].sort((a, b) => b.count - a.count);
}
