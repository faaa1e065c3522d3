// The training worker of a simulated site: it asks for its stretch, takes the time that training
// would take, and offers a contribution with the right claims; while faults last, sometimes with
// wrong ones, late, twice, or not at all. There are no vectors: only what the pool gets to see.
import { type Assignment, codedBytes, splitRanges } from "../training/index.ts";
import type { Agenda } from "./agenda.ts";
import type { Chance } from "./chance.ts";
import type { Message, Offer } from "./network.ts";

export interface WorkerPlace {
  readonly agenda: Agenda;
  readonly chance: Chance;
  /** True while things may go wrong. */
  readonly faulty: () => boolean;
  readonly send: (message: Message) => void;
  /** The worker ends by itself. */
  readonly exit: (exitCode: number) => void;
  /** Time of one row of a batch in one inner step, ms. */
  readonly rowMs: number;
}

/** Shape of the model that all simulated runs train: small, since nothing is computed. */
export const SIMULATED_MODEL = { parameters: 1_000, context: 16 } as const;
const ASK_MS = 2_000;
const TRANSFER_MS = 60;
const LATE_MS_MAX = 60_000;

export class SimulatedWorker {
  readonly #leaseId: string;
  readonly #place: WorkerPlace;
  #over = false;
  /** The stretch that it works on, or worked on last. */
  #stretch = "";
  /** What was offered and not answered yet. */
  #offers: Offer[] = [];

  constructor(leaseId: string, place: WorkerPlace) {
    this.#leaseId = leaseId;
    this.#place = place;
    this.#speak();
  }

  /** The process is gone, whoever ended it. */
  end(): void {
    this.#over = true;
  }

  receive(message: Message): void {
    if (this.#over) return;
    if (message.type === "offered") {
      this.#offers = this.#offers.filter(({ blob }) => blob !== message.blob);
    } else if (message.type === "assignment") {
      if (message.over) this.#place.exit(0);
      else if (message.assignment !== null) this.#take(message.assignment, message.timeLeftMs);
    }
  }

  #speak(): void {
    if (this.#over) return;
    const leaseId = this.#leaseId;
    if (this.#offers.length === 0) this.#place.send({ type: "ask", leaseId });
    for (const offer of this.#offers) this.#place.send({ type: "offer", leaseId, offer });
    this.#place.agenda.after(ASK_MS, () => this.#speak());
  }

  #take(assignment: Assignment, timeLeftMs: number): void {
    const { round, batch, innerSteps: asked, assignedMs } = assignment;
    const stretch = `${round} ${assignedMs}`;
    if (stretch === this.#stretch) return;
    this.#stretch = stretch;
    const { agenda, chance, rowMs } = this.#place;
    const stepMs = rowMs * batch * (0.9 + 0.2 * chance.next());
    const innerSteps = Math.max(1, Math.min(asked, Math.floor(timeLeftMs / stepMs)));
    const lateMs = this.#fails(0.1) ? chance.next() * LATE_MS_MAX : 0;
    const computeMs = innerSteps * stepMs;
    agenda.after(computeMs + TRANSFER_MS + lateMs, () => {
      if (!this.#over && this.#stretch === stretch) this.#finish(assignment, innerSteps, computeMs);
    });
  }

  #finish(assignment: Assignment, innerSteps: number, computeMs: number): void {
    if (this.#fails(0.05)) {
      this.#place.exit(1);
      return;
    }
    if (this.#fails(0.05)) return; // It lost what it had, and asks for the next stretch.
    const { round, batch, codec, modelDigest, dataRange } = assignment;
    const { parameters, context } = SIMULATED_MODEL;
    const offer: Offer = {
      type: "contribution.offered",
      round,
      tokens: innerSteps * batch * context + (this.#fails(0.03) ? 1 : 0),
      innerSteps,
      batch,
      computeMs,
      transferMs: TRANSFER_MS,
      blob: this.#blob(round),
      bytes: codedBytes(codec, parameters) + (this.#fails(0.03) ? 1 : 0),
      codec,
      modelDigest: this.#fails(0.03) ? "another" : modelDigest,
      dataRange: splitRanges(dataRange, innerSteps * batch)[0],
      meanLoss: 3,
    };
    this.#offers.push(offer);
    // A worker that forgot that it had offered comes with another blob for the same windows.
    if (this.#fails(0.1)) this.#offers.push({ ...offer, blob: this.#blob(round) });
  }

  #blob(round: number): string {
    return `${this.#leaseId}@${round}#${this.#place.chance.whole(0, 1_000_000_000)}`;
  }

  #fails(share: number): boolean {
    return this.#place.faulty() && this.#place.chance.hits(share);
  }
}
