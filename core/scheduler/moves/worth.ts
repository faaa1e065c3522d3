// Whether moves are worth what they cost. A moved job loses the work since its last checkpoint and
// the time to start again, on all its devices; who waits gains the time that it waits less. Both
// are device-milliseconds, so that they can be compared. Where the figures come from is left to
// the caller.
import { assert } from "../../pool/index.ts";

/** What one move costs. */
export interface MoveCost {
  /** Devices of the job that moves. */
  readonly devices: number;
  /** Time since its last checkpoint, or since its start if it keeps none. */
  readonly unsavedMs: number;
  /** From its being told to stop until it computes again, at the other place. */
  readonly restartMs: number;
}

/** What moves are made for. */
export interface MoveGain {
  /** Devices of the job that waits. */
  readonly devices: number;
  /** How much sooner it starts if the moves are made. */
  readonly soonerMs: number;
}

/** Device-milliseconds that a move costs. */
export function moveCostMs({ devices, unsavedMs, restartMs }: MoveCost): number {
  assert(devices >= 0 && unsavedMs >= 0 && restartMs >= 0, "a move never costs less than nothing");
  return devices * (unsavedMs + restartMs);
}

/** True if who waits gains more by all these moves together than the moved ones lose. */
export function worthMoving(moves: readonly MoveCost[], gain: MoveGain): boolean {
  const cost = moves.reduce((sum, move) => sum + moveCostMs(move), 0);
  // It cannot start before the last of those who leave has stopped and started elsewhere.
  const restartMs = moves.reduce((most, move) => Math.max(most, move.restartMs), 0);
  return gain.devices * Math.max(0, gain.soonerMs - restartMs) > cost;
}
