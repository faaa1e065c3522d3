// A field of one line whose fault stands beside it while it is typed. What is right and wrong is
// said by the contract's schema, so a form cannot promise what the pool refuses.
import type { HTMLInputTypeAttribute } from "react";
import { Field } from "./parts.tsx";

/** The part of a schema that a field needs; every schema of the contract has it. */
export interface Checker {
  readonly safeParse: (value: unknown) => {
    readonly success: boolean;
    readonly error?: { readonly issues: readonly { readonly message: string }[] } | undefined;
  };
}

/** What is wrong with a value, in words; undefined when nothing is. */
export const faultOf = (schema: Checker, value: unknown): string | undefined =>
  schema.safeParse(value).error?.issues[0]?.message;

export interface TextFieldProps {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly onText: (text: string) => void;
  readonly note?: string;
  /** Checks what is typed; an empty field is only checked when the form is sent. */
  readonly schema?: Checker;
  /** A fault that is known otherwise. */
  readonly fault?: string | undefined;
  readonly type?: HTMLInputTypeAttribute;
  readonly required?: boolean;
  readonly autoComplete?: string;
  readonly min?: number;
  readonly max?: number;
  readonly maxLength?: number;
  readonly list?: string;
  readonly wide?: boolean;
  readonly narrow?: boolean;
}

/** A labelled input with its note and its fault. */
export function TextField(props: TextFieldProps) {
  const { id, value, note, schema } = props;
  const found = schema === undefined || value === "" ? undefined : faultOf(schema, value);
  const fault = props.fault ?? found;
  const described = [note && `${id}-note`, fault && `${id}-fault`].filter(Boolean).join(" ");
  const size = { wide: props.wide === true, narrow: props.narrow === true };
  return (
    <Field id={id} label={props.label} note={note} fault={fault} {...size}>
      <input
        id={id}
        type={props.type ?? "text"}
        value={value}
        required={props.required}
        autoComplete={props.autoComplete ?? "off"}
        autoCapitalize="none"
        spellCheck={false}
        min={props.min}
        max={props.max}
        maxLength={props.maxLength}
        list={props.list}
        aria-describedby={described || undefined}
        aria-invalid={fault === undefined ? undefined : true}
        onChange={(event) => props.onText(event.target.value)}
      />
    </Field>
  );
}
