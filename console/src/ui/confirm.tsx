// A button that asks before it acts. The native dialog keeps the focus inside and closes on Escape.
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import type { Trouble } from "../api.tsx";
import { TEXTS } from "../texts.ts";
import { TroubleNote } from "./parts.tsx";

/** Asks, then calls `act`; stays open with the trouble when `act` says that it was refused. */
export function ConfirmButton(props: {
  readonly label: string;
  readonly title: string;
  readonly explain: string;
  readonly danger?: boolean;
  readonly disabled?: boolean;
  readonly busy: boolean;
  readonly trouble: Trouble | undefined;
  readonly act: () => Promise<boolean>;
  readonly onOpen?: () => void;
  readonly children?: ReactNode;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    if (open) dialog.current?.showModal();
  }, [open]);
  const titleId = useId();
  const tone = props.danger === true ? "danger" : "";
  async function confirm(): Promise<void> {
    if (await props.act()) dialog.current?.close();
  }
  return (
    <>
      <button
        type="button"
        className={tone}
        disabled={props.disabled}
        onClick={() => {
          props.onOpen?.();
          setOpen(true);
        }}
      >
        {props.label}
      </button>
      {open && (
        <dialog ref={dialog} onClose={() => setOpen(false)} aria-labelledby={titleId}>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              void confirm();
            }}
          >
            <h2 id={titleId}>{props.title}</h2>
            <p>{props.explain}</p>
            {props.children}
            <TroubleNote trouble={props.trouble} />
            <div className="actions">
              <button type="button" onClick={() => dialog.current?.close()}>
                {TEXTS.keep}
              </button>
              <button type="submit" className={`primary ${tone}`} disabled={props.busy}>
                {props.label}
              </button>
            </div>
          </form>
        </dialog>
      )}
    </>
  );
}
