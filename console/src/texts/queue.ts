// Texts of the panel about the order of the queue.

export const QUEUE_TEXTS = {
  title: "Order of the queue",
  point: "A point of priority for waiting",
  pointNote: "E.g. `1h`, `90m`. Empty: waiting raises no priority.",
  pointFault: "a time from 1s on, and 1 to 1000 points",
  most: "Points at most",
  backfill: "Who may pass a blocked job",
  backfills: {
    easy: "Who delays no site's first",
    conservative: "Who delays nobody",
    none: "Nobody",
  },
  moves: "Preemptible jobs may move within their site to make room",
  set: "Change the order",
} as const;
