// How the pool orders its queue: ageing, backfill, moves. Whoever may not change them sees them.
import type { PoolView } from "@tequio/contract";
import { useId, useState } from "react";
import { useAction } from "../api.tsx";
import { QUEUE_TEXTS } from "../texts/queue.ts";
import { Field, Panel, TroubleNote } from "../ui/parts.tsx";
import { TextField } from "../ui/text-field.tsx";
import { ageingOf, draftOfPool, type QueueDraft, queueChangeOf } from "./queue-form.ts";

/** The panel on the pool's page for those who may change the pool. */
export function QueuePanel(props: { readonly pool: PoolView }) {
  const { ageing, backfill, moves } = props.pool;
  return (
    <Panel title={QUEUE_TEXTS.title}>
      <QueueForm key={JSON.stringify([ageing, backfill, moves])} pool={props.pool} />
    </Panel>
  );
}

function QueueForm(props: { readonly pool: PoolView }) {
  const change = useAction("changePool");
  const before = draftOfPool(props.pool);
  const [draft, setDraft] = useState<QueueDraft>(before);
  const id = useId();
  const wrong = ageingOf(draft) === undefined;
  const same = JSON.stringify(draft) === JSON.stringify(before);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const body = queueChangeOf(draft);
        if (body !== undefined) void change.run({ body });
      }}
    >
      <div className="row">
        <TextField
          id={`${id}-point`}
          label={QUEUE_TEXTS.point}
          note={QUEUE_TEXTS.pointNote}
          value={draft.point}
          fault={wrong ? QUEUE_TEXTS.pointFault : undefined}
          onText={(point) => setDraft({ ...draft, point })}
        />
        <TextField
          id={`${id}-most`}
          label={QUEUE_TEXTS.most}
          value={draft.most}
          onText={(most) => setDraft({ ...draft, most })}
          narrow
        />
        <Field id={`${id}-backfill`} label={QUEUE_TEXTS.backfill}>
          <select
            id={`${id}-backfill`}
            value={draft.backfill}
            onChange={(event) =>
              setDraft({ ...draft, backfill: event.target.value as QueueDraft["backfill"] })
            }
          >
            {Object.entries(QUEUE_TEXTS.backfills).map(([mode, text]) => (
              <option key={mode} value={mode}>
                {text}
              </option>
            ))}
          </select>
        </Field>
        <div className="field flag">
          <input
            id={`${id}-moves`}
            type="checkbox"
            checked={draft.moves}
            onChange={(event) => setDraft({ ...draft, moves: event.target.checked })}
          />
          <label htmlFor={`${id}-moves`}>{QUEUE_TEXTS.moves}</label>
        </div>
      </div>
      <div className="actions">
        <button type="submit" disabled={change.busy || same || wrong}>
          {QUEUE_TEXTS.set}
        </button>
      </div>
      <TroubleNote trouble={change.trouble} />
    </form>
  );
}
