// The form of a reservation: from what is typed to what the pool is asked, and what is wrong with
// it in the contract's own words. Pure.
import { type CallInput, ReservationRequest } from "@tequio/contract";

export interface ReservationFields {
  readonly project: string;
  readonly user: string;
  readonly amount: string;
  readonly unit: "accelerators" | "nodes";
  readonly model: string;
  readonly member: string;
  /** As `datetime-local` fields hold them, in the reader's zone. */
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

export const EMPTY_FIELDS: ReservationFields = {
  ...{ project: "", user: "", amount: "1", unit: "accelerators", model: "", member: "" },
  ...{ from: "", to: "", reason: "" },
};

type Body = CallInput<"createReservation">["body"];

const momentOf = (text: string): number => new Date(text).getTime();

/** The request; fields that are empty are left out. */
export function bodyOf(fields: ReservationFields): Body {
  const { project, user, amount, unit, model, member, from, to, reason } = fields;
  const given = Object.entries({ project, user, model, member }).filter(([, text]) => text !== "");
  return {
    ...Object.fromEntries(given),
    ...{ [unit]: Number(amount), fromMs: momentOf(from), toMs: momentOf(to), reason },
  };
}

/** What is wrong, by the field's name in the contract; nothing while the window is not given. */
export function faultsOf(fields: ReservationFields): Readonly<Record<string, string>> {
  if (fields.from === "" || fields.to === "") return {};
  const issues = ReservationRequest.safeParse(bodyOf(fields)).error?.issues ?? [];
  return Object.fromEntries(
    issues.toReversed().map(({ path, message }) => [String(path[0]), message]),
  );
}
