// The two fields of a new password, typed twice, with its faults beside them. Whether it is a
// good one the pool says; here only what can be known without asking.
import { useId, useState } from "react";
import { INVITE_TEXTS, SIGN_IN_TEXTS } from "../texts/sign-in.ts";
import { TextField } from "../ui/text-field.tsx";

export interface NewPassword {
  readonly value: string;
  readonly again: string;
}

/** Keeps the two fields. */
export function useNewPassword() {
  const [typed, setTyped] = useState<NewPassword>({ value: "", again: "" });
  return { typed, setTyped, clear: () => setTyped({ value: "", again: "" }) };
}

/** True when both fields hold the same and it is long enough. */
export const isReady = ({ value, again }: NewPassword, charsMin: number): boolean =>
  [...value].length >= charsMin && value === again;

/** The fields. `user` lets a password manager know whose password it is. */
export function NewPasswordFields(props: {
  readonly user: string;
  readonly charsMin: number;
  readonly typed: NewPassword;
  readonly onTyped: (typed: NewPassword) => void;
}) {
  const { typed, charsMin, onTyped } = props;
  const id = useId();
  const missing = charsMin - [...typed.value].length;
  const short = typed.value !== "" && missing > 0 ? INVITE_TEXTS.tooShort(missing) : undefined;
  const differs = typed.again !== "" && !typed.value.startsWith(typed.again);
  return (
    <>
      <div className="unseen">
        <input
          type="text"
          autoComplete="username"
          aria-label={SIGN_IN_TEXTS.user}
          tabIndex={-1}
          readOnly
          value={props.user}
        />
      </div>
      <TextField
        id={`${id}-new`}
        label={INVITE_TEXTS.newPassword}
        note={INVITE_TEXTS.least(charsMin)}
        fault={short}
        type="password"
        autoComplete="new-password"
        required
        value={typed.value}
        onText={(value) => onTyped({ ...typed, value })}
      />
      <TextField
        id={`${id}-again`}
        label={INVITE_TEXTS.repeat}
        fault={differs ? INVITE_TEXTS.differs : undefined}
        type="password"
        autoComplete="new-password"
        required
        value={typed.again}
        onText={(again) => onTyped({ ...typed, again })}
      />
    </>
  );
}
