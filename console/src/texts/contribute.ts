// Texts of the page behind a link for browsers.

export const CONTRIBUTE_TEXTS = {
  title: "Lend this tab",
  who: (pool: string) => `The pool at \`${pool}\` asks for a part of this computer's time.`,
  what: [
    "It trains models that the pool's people train together, and runs nothing else: no programs, " +
      "no access to your files, your camera or other pages.",
    "It uses at most half of the processor, the graphics processor where the browser offers it, " +
      "and the network for some megabytes a round. On battery it drains it.",
    "It works only while this tab is open. Close the tab at any time: what the pool has taken by " +
      "then stays counted and paid to the member of this link, and the training goes on.",
  ],
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
  engine: (engine: string) => `Computes on ${engine}.`,
  insecure:
    "This page was not opened by https, so the browser gives it no keys to sign with. Ask for a " +
    "link that starts with https.",
  elsewhere: "Another tab of this browser is open with the same link. Close it first.",
} as const;
