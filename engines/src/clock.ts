// The clock that deadlines of leases are counted on. It leaves wall times to the journal.
import { uptime } from "node:os";

/**
 * Milliseconds since this machine was started, time asleep included. All processes of a machine
 * read the same value, and setting the wall clock does not move it: on Linux this is
 * CLOCK_BOOTTIME, with a resolution of 10 ms.
 */
export const siteClockMs = (): number => Math.round(uptime() * 1_000);
