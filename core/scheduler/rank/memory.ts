// What the scheduler remembers from pass to pass: the mix of arrivals, and what was worked out of
// it. It holds nothing that the jobs do not say.
import { assert } from "../../pool/index.ts";
import type { World } from "../world.ts";
import { Arrivals } from "./arrivals.ts";
import { Outlook } from "./outlook.ts";
import { Worth } from "./worth.ts";

/** Given to pass after pass; the controller makes it anew from its jobs after a restart. */
export class PlacementMemory {
  readonly arrivals = new Arrivals();
  #worth: { readonly worth: Worth; readonly version: number; readonly key: string } | undefined;

  /** The outlook of a pass on this world; undefined until enough jobs have arrived. */
  outlookOf(world: World): Outlook | undefined {
    const { version } = this.arrivals;
    if (version === 0 || world.hardware.length === 0) return undefined;
    const key = world.hardwareKeys.join("\n");
    if (this.#worth?.version !== version || this.#worth.key !== key) {
      this.#worth = { worth: new Worth(world.hardware, this.arrivals), version, key };
    }
    assert(this.#worth !== undefined, "the worth was just made");
    return new Outlook(this.#worth.worth, world);
  }
}
