// The snapshots of the memory store. They cannot be damaged here, so none is ever skipped.
import { assert, ok, type Refusal } from "@tequio/core/pool";
import { SNAPSHOT_BYTES_MAX, SNAPSHOTS_KEPT } from "../limits.ts";
import type { SnapshotStore } from "../port.ts";
import { tooLarge } from "../refusals.ts";
import type { MemoryDisk } from "./index.ts";

/** The snapshots that lie on `disk`; `refuseWrite` is asked before every write. */
export function createMemorySnapshots(
  disk: MemoryDisk,
  refuseWrite: (what: string) => Refusal | undefined,
): SnapshotStore {
  return {
    async put({ seq, formatVersion, bytes }) {
      const headSeq = disk.records.at(-1)?.seq ?? 0;
      assert(seq <= headSeq, "a snapshot is not ahead of its journal");
      if (bytes.length > SNAPSHOT_BYTES_MAX) {
        return tooLarge("A snapshot", bytes.length, SNAPSHOT_BYTES_MAX);
      }
      const refusal = refuseWrite("a snapshot");
      if (refusal !== undefined) return refusal;
      const others = disk.snapshots.filter((other) => other.seq !== seq);
      const all = [...others, { seq, formatVersion, bytes: new Uint8Array(bytes) }];
      const kept = all.sort((a, b) => b.seq - a.seq).slice(0, SNAPSHOTS_KEPT);
      disk.snapshots.splice(0, disk.snapshots.length, ...kept);
      return ok({ seq });
    },
    async latest() {
      const newest = disk.snapshots[0];
      return ok(newest && { ...newest, bytes: new Uint8Array(newest.bytes), skipped: [] });
    },
  };
}
