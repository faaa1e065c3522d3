// Capacity that is kept for a project or a user in a window of time: everybody who may look at the
// pool sees it, operators make and cancel it.
import type { ReservationView } from "@tequio/contract";
import { useState } from "react";
import { useAction, useCall } from "../api.tsx";
import { dateTime } from "../format.ts";
import { useHolds } from "../people/who.tsx";
import { href } from "../route.ts";
import { RESERVATION_TEXTS } from "../texts/reservations.ts";
import { ConfirmButton } from "../ui/confirm.tsx";
import { Badge, Empty, Field, Panel, TroubleNote, Waiting } from "../ui/parts.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { TextField } from "../ui/text-field.tsx";
import { bodyOf, EMPTY_FIELDS, faultsOf, type ReservationFields } from "./reservation-form.ts";

/** Nodes in one cell; all of them are in `tequio reservation list --json`. */
const PLACES_SHOWN_MAX = 3;

/** The page behind `#/reservations`. */
export function ReservationsPage() {
  const shown = useCall("listReservations", {});
  const mayChange = useHolds("pool.change");
  const rows = shown.data?.rows;
  return (
    <>
      <h1>{RESERVATION_TEXTS.title}</h1>
      <Panel title={RESERVATION_TEXTS.list}>
        {rows === undefined && <Waiting trouble={shown.trouble} />}
        {rows?.length === 0 && <Empty>{RESERVATION_TEXTS.none}</Empty>}
        {rows !== undefined && rows.length > 0 && (
          <Table
            caption={RESERVATION_TEXTS.list}
            columns={mayChange ? [...COLUMNS, CHANGE] : COLUMNS}
            rows={rows}
            rowKey={({ id }) => id}
          />
        )}
      </Panel>
      {mayChange && <MakePanel />}
    </>
  );
}

/** Without seconds. */
const minute = (ms: number): string => dateTime(ms).slice(0, -3);

const COLUMNS: readonly Column<ReservationView>[] = [
  { head: RESERVATION_TEXTS.whose, cell: whose },
  { head: RESERVATION_TEXTS.kept, cell: amountOf },
  { head: RESERVATION_TEXTS.on, cell: placesOf },
  { head: RESERVATION_TEXTS.from, cell: ({ fromMs }) => minute(fromMs) },
  { head: RESERVATION_TEXTS.to, cell: ({ toMs }) => minute(toMs) },
  { head: RESERVATION_TEXTS.state, cell: (row) => <State row={row} /> },
  { head: RESERVATION_TEXTS.reason, wide: true, cell: ({ reason }) => reason },
];
const CHANGE: Column<ReservationView> = {
  head: RESERVATION_TEXTS.change,
  cell: (row) => <CancelButton row={row} />,
};

function whose({ project, user }: ReservationView): string {
  return [project, user === undefined ? undefined : `@${user}`].filter(Boolean).join(" ");
}

function amountOf({ accelerators, nodes, model, kind }: ReservationView): string {
  const { one, units } = RESERVATION_TEXTS;
  const of = model ?? kind;
  if (nodes !== undefined) {
    return [nodes, nodes === 1 ? one.nodes : units.nodes, of].filter(Boolean).join(" ");
  }
  return `${accelerators} ${of ?? (accelerators === 1 ? one.accelerators : units.accelerators)}`;
}

function placesOf({ kept }: ReservationView): string {
  const { away, more } = RESERVATION_TEXTS;
  const names = kept.map(
    ({ member, node, here }) => `${member}/${node}${here ? "" : ` (${away})`}`,
  );
  const shown = names.slice(0, PLACES_SHOWN_MAX).join(", ");
  const rest = names.length - PLACES_SHOWN_MAX;
  return rest > 0 ? `${shown} ${more(rest)}` : shown;
}

function State(props: { readonly row: ReservationView }) {
  const { state, overlaps } = props.row;
  const [first] = overlaps;
  if (first === undefined) return <Badge state={state} />;
  return (
    <>
      <Badge state={state} />{" "}
      <a href={href("jobs", first.jobId)}>
        {RESERVATION_TEXTS.behind(first.jobId, minute(first.endsAtMs))}
      </a>
    </>
  );
}

function CancelButton(props: { readonly row: ReservationView }) {
  const cancel = useAction("cancelReservation");
  const { id, state } = props.row;
  return (
    <ConfirmButton
      label={state === "now" ? RESERVATION_TEXTS.end : RESERVATION_TEXTS.cancel}
      title={RESERVATION_TEXTS.cancelTitle}
      explain={RESERVATION_TEXTS.cancelExplain}
      danger
      busy={cancel.busy}
      trouble={cancel.trouble}
      onOpen={cancel.clear}
      act={async () => (await cancel.run({ params: { id } })) !== undefined}
    />
  );
}

function MakePanel() {
  const make = useAction("createReservation");
  const [fields, setFields] = useState(EMPTY_FIELDS);
  const [made, setMade] = useState<string>();
  const faults = faultsOf(fields);
  const set = (part: Partial<ReservationFields>): void => setFields({ ...fields, ...part });
  async function send(): Promise<void> {
    const reply = await make.run({ body: bodyOf(fields) });
    setMade(reply?.id);
    if (reply !== undefined) setFields({ ...EMPTY_FIELDS, project: fields.project });
  }
  return (
    <Panel title={RESERVATION_TEXTS.make}>
      <p>{RESERVATION_TEXTS.makeNote}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <WhoFields fields={fields} faults={faults} set={set} />
        <WhenFields fields={fields} faults={faults} set={set} />
        <div className="actions">
          <button
            type="submit"
            className="primary"
            disabled={make.busy || Object.keys(faults).length > 0}
          >
            {RESERVATION_TEXTS.send}
          </button>
        </div>
      </form>
      <TroubleNote trouble={make.trouble} />
      {made !== undefined && <p role="status">{RESERVATION_TEXTS.made(made)}</p>}
    </Panel>
  );
}

interface PartProps {
  readonly fields: ReservationFields;
  readonly faults: Readonly<Record<string, string>>;
  readonly set: (part: Partial<ReservationFields>) => void;
}

/** For whom, how much of what, and where. */
function WhoFields({ fields, faults, set }: PartProps) {
  const { units } = RESERVATION_TEXTS;
  return (
    <>
      <div className="row">
        <TextField
          id="reserve-project"
          label={RESERVATION_TEXTS.project}
          note={RESERVATION_TEXTS.forNote}
          fault={faults.project}
          value={fields.project}
          onText={(project) => set({ project })}
        />
        <TextField
          id="reserve-user"
          label={RESERVATION_TEXTS.user}
          fault={faults.user}
          value={fields.user}
          onText={(user) => set({ user })}
        />
      </div>
      <div className="row">
        <TextField
          id="reserve-amount"
          label={RESERVATION_TEXTS.amount}
          type="number"
          min={1}
          required
          narrow
          fault={faults.accelerators ?? faults.nodes}
          value={fields.amount}
          onText={(amount) => set({ amount })}
        />
        <Field id="reserve-unit" label={RESERVATION_TEXTS.unit}>
          <select
            id="reserve-unit"
            value={fields.unit}
            onChange={(event) => {
              set({ unit: event.target.value === "nodes" ? "nodes" : "accelerators" });
            }}
          >
            <option value="accelerators">{units.accelerators}</option>
            <option value="nodes">{units.nodes}</option>
          </select>
        </Field>
        <TextField
          id="reserve-model"
          label={RESERVATION_TEXTS.model}
          note={RESERVATION_TEXTS.modelNote}
          fault={faults.model}
          value={fields.model}
          onText={(model) => set({ model })}
        />
        <TextField
          id="reserve-member"
          label={RESERVATION_TEXTS.member}
          note={RESERVATION_TEXTS.memberNote}
          fault={faults.member}
          value={fields.member}
          onText={(member) => set({ member })}
        />
      </div>
    </>
  );
}

/** The window and why. */
function WhenFields({ fields, faults, set }: PartProps) {
  return (
    <div className="row">
      <TextField
        id="reserve-from"
        label={RESERVATION_TEXTS.from}
        type="datetime-local"
        required
        fault={faults.fromMs}
        value={fields.from}
        onText={(from) => set({ from })}
      />
      <TextField
        id="reserve-to"
        label={RESERVATION_TEXTS.to}
        type="datetime-local"
        required
        fault={faults.toMs}
        value={fields.to}
        onText={(to) => set({ to })}
      />
      <TextField
        id="reserve-reason"
        label={RESERVATION_TEXTS.reason}
        wide
        maxLength={200}
        fault={faults.reason}
        value={fields.reason}
        onText={(reason) => set({ reason })}
      />
    </div>
  );
}
