// Which colour a state has. The colour repeats what the word says; it never says more.

export type Tone = "good" | "busy" | "warn" | "bad" | "idle";

const TONES: Readonly<Record<string, Tone>> = {
  active: "good",
  completed: "good",
  here: "good",
  merged: "good",
  open: "good",
  passed: "good",
  running: "good",
  training: "good",
  joined: "busy",
  leased: "busy",
  starting: "busy",
  stopping: "busy",
  "warm-up": "busy",
  away: "warn",
  closed: "warn",
  draining: "warn",
  late: "warn",
  paused: "warn",
  preempted: "warn",
  recalled: "warn",
  dependency: "bad",
  failed: "bad",
  "gate-failed": "bad",
  lost: "bad",
  quarantined: "bad",
  "not merged": "warn",
  refused: "bad",
  revoked: "bad",
  timeout: "bad",
  unreadable: "bad",
};

/** The tone of a state, outcome or verdict; a word that we do not know is neutral. */
export const toneOf = (state: string): Tone => TONES[state] ?? "idle";
