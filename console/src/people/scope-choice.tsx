// Cuts a token down to some permissions: a fold of boxes, each with what it lets somebody do.
import { PERMISSIONS } from "@tequio/contract";
import { useId } from "react";
import { TOKEN_TEXTS } from "../texts/people.ts";
import { holds, PERMISSION_NAMES, type Permission } from "./rights.ts";
import { useWho } from "./who.tsx";

/** The boxes; `all` also offers what the reader may not do, for the token of another. */
export function ScopeChoice(props: {
  readonly chosen: readonly Permission[];
  readonly onChange: (chosen: readonly Permission[]) => void;
  readonly all: boolean;
}) {
  const { chosen } = props;
  const who = useWho();
  const id = useId();
  const offered = PERMISSION_NAMES.filter((name) => props.all || holds(who, name));
  const toggle = (name: Permission, on: boolean) =>
    props.onChange(on ? [...chosen, name] : chosen.filter((one) => one !== name));
  return (
    <details>
      <summary>
        {TOKEN_TEXTS.limit}
        {chosen.length > 0 && <span className="muted"> {chosen.join(", ")}</span>}
      </summary>
      <p className="muted">{TOKEN_TEXTS.limitNote}</p>
      <div className="boxes">
        {offered.map((name) => (
          <div key={name} className="field flag">
            <input
              id={`${id}-${name}`}
              type="checkbox"
              checked={chosen.includes(name)}
              aria-describedby={`${id}-${name}-note`}
              onChange={(event) => toggle(name, event.target.checked)}
            />
            <label htmlFor={`${id}-${name}`}>{name}</label>
            <small id={`${id}-${name}-note`}>{PERMISSIONS[name]}</small>
          </div>
        ))}
      </div>
    </details>
  );
}
