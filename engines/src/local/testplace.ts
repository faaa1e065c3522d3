// A temporary place for a local engine under test, and its end: whatever a test leaves running is
// killed by lease, and the folder is removed.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EngineUnderTest } from "../conformance.ts";
import type { Engine } from "../port.ts";
import { endOf } from "../testkit.ts";
import { type LocalEngineOptions, localEngine } from "./engine.ts";

export interface TestPlace extends EngineUnderTest {
  readonly folder: string;
}

/** Makes an engine in a new folder below the system's temporary one. */
export function testPlace(given: Partial<LocalEngineOptions> = {}): TestPlace {
  const folder = mkdtempSync(join(tmpdir(), "tequio-local-"));
  const open = (): Engine => localEngine({ folder, nodeName: "here", ...given });
  const engine = open();
  const dispose = async (): Promise<void> => {
    const last = open();
    for (const { leaseId } of await last.list()) {
      await last.stop(leaseId, { graceMs: 0, why: "the test is over" });
      await endOf(last, leaseId);
    }
    await last.close();
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { folder, engine, reopen: async () => open(), dispose };
}
