// Caps of a project as its form holds them, all texts, and the way to the contract and back. Pure.
import { type CallReply, ProjectChange } from "@tequio/contract";

type Caps = NonNullable<CallReply<"listProjects">["rows"][number]["caps"]>;

export const CAP_NAMES = ["maxAccelerators", "maxRunningJobs", "maxQueuedJobs"] as const;
export type CapName = (typeof CAP_NAMES)[number];
export type CapTexts = Readonly<Record<CapName, string>>;

/** An empty text means no cap. */
export interface CapsDraft {
  readonly all: CapTexts;
  readonly perUser: CapTexts;
}

const textsOf = (caps: Partial<Record<CapName, number | undefined>> = {}): CapTexts => ({
  maxAccelerators: String(caps.maxAccelerators ?? ""),
  maxRunningJobs: String(caps.maxRunningJobs ?? ""),
  maxQueuedJobs: String(caps.maxQueuedJobs ?? ""),
});

/** Caps as texts; without caps all are empty. */
export const capsDraftOf = (caps: Caps | undefined): CapsDraft => ({
  all: textsOf(caps),
  perUser: textsOf(caps?.perUser),
});

const numbersOf = (texts: CapTexts) => ({
  maxAccelerators: numberOf(texts.maxAccelerators),
  maxRunningJobs: numberOf(texts.maxRunningJobs),
  maxQueuedJobs: numberOf(texts.maxQueuedJobs),
});

/** Null for an empty text; NaN for what is no number, which the contract refuses. */
const numberOf = (text: string): number | null =>
  text.trim() === "" ? null : /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;

/** All six caps, as the pool takes them. */
export const capsChangeOf = ({ all, perUser }: CapsDraft) => ({
  ...numbersOf(all),
  perUser: numbersOf(perUser),
});

/** What is wrong with one text; undefined when nothing is. */
export function capFault(text: string): string | undefined {
  const value = numberOf(text);
  if (Number.isNaN(value)) return "a whole number, or nothing";
  const parsed = ProjectChange.safeParse({ caps: { maxAccelerators: value } });
  return parsed.error?.issues[0]?.message;
}

/** True if a text of the draft cannot be sent. */
export const hasCapFault = ({ all, perUser }: CapsDraft): boolean =>
  [...Object.values(all), ...Object.values(perUser)].some((text) => capFault(text) !== undefined);
