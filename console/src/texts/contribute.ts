// Texts of the page behind a link for browsers.

export const CONTRIBUTE_TEXTS = {
  title: "Lend this tab",
  who: (pool: string | undefined, host: string) =>
    pool === undefined
      ? `The pool at \`${host}\` asks for a part of this computer's time.`
      : `The pool \`${pool}\` at \`${host}\` asks for a part of this computer's time.`,
  forWhom: (member: string) => `What it does is counted for the member \`${member}\`.`,
  runs: "Now it would help to train:",
  oneRun: (name: string, project: string, parameters: number | null) =>
    `\`${name}\` of the project \`${project}\`` +
    (parameters === null ? "" : `, a model of ${parameters.toLocaleString("en")} parameters`),
  moreRuns: (count: number) => (count === 1 ? "and one more run" : `and ${count} more runs`),
  noRun:
    "No run waits just now. When one starts, this tab helps to train its model: language models " +
    "on texts that the pool chose.",
  limits: (limits: readonly string[]) => `The member's rules are kept here: ${limits.join("; ")}.`,
  hours: (hours: string) => `it computes only ${hours}`,
  bandwidth: (rule: {
    readonly upMbitPerS?: number;
    readonly downMbitPerS?: number;
    readonly hours?: string;
  }) =>
    [
      ...(rule.upMbitPerS === undefined ? [] : [`at most ${rule.upMbitPerS} Mbit/s up`]),
      ...(rule.downMbitPerS === undefined ? [] : [`at most ${rule.downMbitPerS} Mbit/s down`]),
      ...(rule.hours === undefined ? [] : [rule.hours]),
    ].join(", "),
  askAnew: "Ask the person who sent you the link for a new one.",
  what: [
    "It trains models that the pool's people train together, and runs nothing else: no programs, " +
      "no access to your files, your camera or other pages.",
    "It uses as many threads of the processor as you say below, or the graphics processor where " +
      "the browser offers it, and the network for some megabytes a round. A battery drains faster.",
    "It works only while this tab is open. Close the tab at any time: what the pool has taken by " +
      "then stays counted and paid to the member of this link, and the training goes on.",
  ],
  threads: "Threads of the processor:",
  threadsOf: (count: number, all: number) => (count === all ? `${count} (all)` : String(count)),
  consent: "I may decide about this computer, and I lend it while this tab is open",
  start: "Start",
  pause: "Pause",
  resume: "Go on",
  stop: "Stop",
  phases: {
    joining: "Joining",
    waiting: "Waiting for a run to train",
    training: "Training",
    paused: "Paused: nothing is computed",
    stopped: "Stopped. Thank you.",
    refused: "The pool refused",
  },
  stats: {
    rounds: "Contributions taken",
    tokens: "Tokens",
    speed: "Tokens a second",
    up: "Sent",
    down: "Fetched",
    time: "Device time, paid",
    loss: "Loss (nats a token)",
  },
  member: (member: string, site: string) => `Counted for ${member} (site ${site}).`,
  run: (name: string, parameters: number, round: number) =>
    `Run ${name}: ${parameters.toLocaleString("en")} parameters, round ${round}.`,
  bounds: (limits: string) => `Its owner's rules now: ${limits}.`,
  cut: "no connection to the pool; it is tried again",
  refusedHint:
    "Nothing is computed any more. What was taken before stays counted. To go on, ask the person " +
    "who sent you the link for a new one.",
  engine: (engine: string) => `Computes on ${engine}.`,
  insecure:
    "This page was not opened by https, so the browser gives it no keys to sign with. Ask for a " +
    "link that starts with https.",
  elsewhere: "Another tab of this browser is open with the same link. Close it first.",
} as const;
