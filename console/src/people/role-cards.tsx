// What each role may do, in words, from the same table that the pool asks.
import { PERMISSIONS, ROLES } from "@tequio/contract";
import { ROLE_TEXTS } from "../texts/people.ts";
import { type Permission, ROLE_NAMES, type RoleName } from "./rights.ts";

/** One fold for each role, all closed at first. */
export function RoleCards(props: { readonly title: string }) {
  return (
    <section className="panel">
      <header>
        <h2>{props.title}</h2>
      </header>
      {ROLE_NAMES.map((role) => (
        <RoleCard key={role} role={role} />
      ))}
    </section>
  );
}

function RoleCard(props: { readonly role: RoleName }) {
  const row = ROLES[props.role];
  const all = Object.entries(row.may) as [Permission, "all" | "scope" | "own"][];
  const within = row.scope === "none" ? undefined : ROLE_TEXTS.reach[row.scope];
  const groups = [
    [ROLE_TEXTS.reach.all, "all"],
    [within, "scope"],
    [ROLE_TEXTS.reach.own, "own"],
  ] as const;
  return (
    <details className="role">
      <summary>
        {props.role} <span className="muted">{ROLE_TEXTS.over[row.scope]}</span>
      </summary>
      <p>{row.about}</p>
      {groups.map(([title, reach]) => {
        const held = all.filter(([, one]) => one === reach).map(([name]) => name);
        if (held.length === 0) return null;
        return (
          <div key={reach}>
            <h3>{title}</h3>
            <ul>
              {held.map((name) => (
                <li key={name}>
                  {PERMISSIONS[name]} <code>{name}</code>
                </li>
              ))}
            </ul>
          </div>
        );
      })}
      {row.gives.length > 0 && <p className="muted">{ROLE_TEXTS.gives(row.gives.join(", "))}</p>}
    </details>
  );
}
