// The small parts that every page is made of. They show what they are given and hold no state.
import type { ReactNode } from "react";
import { type Trouble, useNow } from "../api.tsx";
import { dateTime, percent, relative } from "../format.ts";
import { TEXTS } from "../texts.ts";
import { toneOf } from "./tone.ts";

/** A state as a word with a coloured dot; the word alone says it, too. */
export function Badge(props: { readonly state: string; readonly note?: string | undefined }) {
  const label = TEXTS.states[props.state] ?? props.state;
  return (
    <span className={`badge ${toneOf(props.state)}`} title={props.note}>
      {label}
    </span>
  );
}

/** Text whose `quoted` words are shown as code. */
export function Marked(props: { readonly text: string }) {
  const parts = props.text.split("`");
  // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a text have no other name.
  return parts.map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part));
}

/** A refusal: code, message, hint. Spoken by screen readers when it appears. */
export function TroubleNote(props: { readonly trouble: Trouble | undefined }) {
  const { trouble } = props;
  if (trouble === undefined) return null;
  return (
    <div className="trouble" role="alert">
      <p>
        <b>{trouble.code}</b> <Marked text={trouble.message} />
      </p>
      <p className="hint">
        <Marked text={trouble.hint} />
      </p>
    </div>
  );
}

/** A figure with its name, for rows of totals. */
export function Stat(props: {
  readonly name: string;
  readonly value: ReactNode;
  readonly note?: ReactNode;
}) {
  return (
    <div className="stat">
      <dt>{props.name}</dt>
      <dd>
        {props.value}
        {props.note !== undefined && <small>{props.note}</small>}
      </dd>
    </div>
  );
}

/** A part of a page with a heading and, at its right, what can be done. */
export function Panel(props: {
  readonly title: string;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}) {
  return (
    <section className="panel">
      <header>
        <h2>{props.title}</h2>
        {props.actions !== undefined && <div className="actions">{props.actions}</div>}
      </header>
      {props.children}
    </section>
  );
}

/** What stands where nothing is to show yet. */
export function Empty(props: { readonly children: ReactNode }) {
  return <p className="empty">{props.children}</p>;
}

/** The line that stands until the first answer, or the trouble instead of it. */
export function Waiting(props: { readonly trouble: Trouble | undefined }) {
  if (props.trouble !== undefined) return <TroubleNote trouble={props.trouble} />;
  return (
    <p className="empty" role="status">
      {TEXTS.loading}
    </p>
  );
}

/** A moment, told from now; the exact time stands in its title. */
export function Moment(props: { readonly atMs: number | undefined }) {
  const now = useNow(5_000);
  if (props.atMs === undefined) return <>{TEXTS.none}</>;
  return (
    <time dateTime={new Date(props.atMs).toISOString()} title={dateTime(props.atMs)}>
      {relative(props.atMs, now)}
    </time>
  );
}

/** A bar from 0 to 1 with its name for screen readers. */
export function Progress(props: { readonly share: number; readonly label: string }) {
  const width = `${Math.min(1, Math.max(0, props.share)) * 100}%`;
  return (
    <div
      className="progress"
      role="progressbar"
      aria-label={props.label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.floor(props.share * 100)}
      aria-valuetext={percent(props.share)}
    >
      <div style={{ width }} />
    </div>
  );
}

/** A few choices of which one holds, as one row of buttons. */
export function Choice<T extends string>(props: {
  readonly label: string;
  readonly options: readonly (readonly [T, string])[];
  readonly value: T;
  readonly onChange: (value: T) => void;
}) {
  return (
    <fieldset className="choice">
      <legend className="unseen">{props.label}</legend>
      {props.options.map(([value, text]) => (
        <button
          key={value}
          type="button"
          aria-pressed={value === props.value}
          onClick={() => props.onChange(value)}
        >
          {text}
        </button>
      ))}
    </fieldset>
  );
}

/** A field with its label above, and its explanation and its fault below. */
export function Field(props: {
  readonly id: string;
  readonly label: string;
  readonly note?: string | undefined;
  readonly fault?: string | undefined;
  readonly wide?: boolean;
  /** For a few digits. */
  readonly narrow?: boolean;
  readonly children: ReactNode;
}) {
  const size = props.wide === true ? "wide" : props.narrow === true ? "narrow" : "";
  return (
    <div className={`field ${size}`}>
      <label htmlFor={props.id}>{props.label}</label>
      {props.children}
      {props.note !== undefined && (
        <small id={`${props.id}-note`}>
          <Marked text={props.note} />
        </small>
      )}
      {props.fault !== undefined && (
        <small id={`${props.id}-fault`} className="fault" role="status">
          {props.fault}
        </small>
      )}
    </div>
  );
}
