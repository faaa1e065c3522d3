// Times in which a member's machines are not to be used: planned, shown and cancelled.
import { type CallReply, MaintenanceRequest } from "@tequio/contract";
import { useId, useState } from "react";
import { useAction, useCall } from "../api.tsx";
import { dateTime } from "../format.ts";
import { MAINTENANCE_TEXTS, OFFER_TEXTS } from "../texts/offers.ts";
import { ConfirmButton } from "../ui/confirm.tsx";
import { Badge, Empty, Field, Panel, TroubleNote, Waiting } from "../ui/parts.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { TextField } from "../ui/text-field.tsx";

type Window = CallReply<"listMaintenance">["rows"][number];

const columns = (mayChange: boolean): readonly Column<Window>[] => [
  { head: MAINTENANCE_TEXTS.from, cell: ({ fromMs }) => dateTime(fromMs).slice(0, -3) },
  { head: MAINTENANCE_TEXTS.to, cell: ({ toMs }) => dateTime(toMs).slice(0, -3) },
  { head: MAINTENANCE_TEXTS.site, cell: ({ site }) => site ?? OFFER_TEXTS.allSites },
  { head: MAINTENANCE_TEXTS.reason, wide: true, cell: ({ reason }) => reason },
  { head: MAINTENANCE_TEXTS.state, cell: ({ state }) => <Badge state={state} /> },
  {
    head: MAINTENANCE_TEXTS.cancel,
    cell: (window) => (mayChange ? <CancelWindow window={window} /> : null),
  },
];

function CancelWindow(props: { readonly window: Window }) {
  const cancel = useAction("cancelMaintenance");
  const { id, state } = props.window;
  return (
    <ConfirmButton
      label={state === "now" ? MAINTENANCE_TEXTS.end : MAINTENANCE_TEXTS.cancel}
      title={MAINTENANCE_TEXTS.cancelTitle}
      explain={MAINTENANCE_TEXTS.cancelExplain}
      danger
      busy={cancel.busy}
      trouble={cancel.trouble}
      onOpen={cancel.clear}
      act={async () => (await cancel.run({ params: { id } })) !== undefined}
    />
  );
}

/** The panel on a member's page. */
export function MaintenancePanel(props: {
  readonly member: string;
  readonly sites: readonly string[];
  readonly mayChange: boolean;
}) {
  const { member, mayChange } = props;
  const windows = useCall("listMaintenance", { query: { member } });
  return (
    <Panel title={MAINTENANCE_TEXTS.title}>
      {windows.data === undefined && <Waiting trouble={windows.trouble} />}
      {windows.data?.rows.length === 0 && <Empty>{MAINTENANCE_TEXTS.none}</Empty>}
      {windows.data !== undefined && windows.data.rows.length > 0 && (
        <Table
          caption={MAINTENANCE_TEXTS.title}
          columns={columns(mayChange)}
          rows={windows.data.rows}
          rowKey={({ id }) => id}
        />
      )}
      {mayChange && <PlanWindow member={member} sites={props.sites} />}
    </Panel>
  );
}

/** Milliseconds of what a `datetime-local` field holds, in the reader's zone. */
const momentOf = (text: string): number => new Date(text).getTime();

function PlanWindow(props: { readonly member: string; readonly sites: readonly string[] }) {
  const plan = useAction("planMaintenance");
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [site, setSite] = useState("");
  const [reason, setReason] = useState("");
  const id = useId();
  const body = {
    member: props.member,
    ...(site === "" ? {} : { site }),
    ...{ fromMs: momentOf(from), toMs: momentOf(to), reason },
  };
  const issues = MaintenanceRequest.safeParse(body).error?.issues ?? [];
  const isEmpty = from === "" || to === "";
  const faultAt = (name: string) =>
    isEmpty ? undefined : issues.find(({ path }) => path[0] === name)?.message;
  async function send(): Promise<void> {
    if ((await plan.run({ body })) === undefined) return;
    setFrom("");
    setTo("");
    setReason("");
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <div className="row">
        <TextField
          id={`${id}-from`}
          label={MAINTENANCE_TEXTS.from}
          type="datetime-local"
          required
          fault={faultAt("fromMs")}
          value={from}
          onText={setFrom}
        />
        <TextField
          id={`${id}-to`}
          label={MAINTENANCE_TEXTS.to}
          type="datetime-local"
          required
          fault={faultAt("toMs")}
          value={to}
          onText={setTo}
        />
        {props.sites.length > 1 && (
          <SiteField id={`${id}-site`} sites={props.sites} value={site} onSite={setSite} />
        )}
        <TextField
          id={`${id}-reason`}
          label={MAINTENANCE_TEXTS.reason}
          maxLength={200}
          value={reason}
          onText={setReason}
        />
        <button type="submit" disabled={plan.busy || isEmpty || issues.length > 0}>
          {MAINTENANCE_TEXTS.plan}
        </button>
      </div>
      <small>{MAINTENANCE_TEXTS.note}</small>
      <TroubleNote trouble={plan.trouble} />
    </form>
  );
}

function SiteField(props: {
  readonly id: string;
  readonly sites: readonly string[];
  readonly value: string;
  readonly onSite: (site: string) => void;
}) {
  const { id } = props;
  return (
    <Field id={id} label={MAINTENANCE_TEXTS.site}>
      <select id={id} value={props.value} onChange={(event) => props.onSite(event.target.value)}>
        <option value="">{OFFER_TEXTS.allSites}</option>
        {props.sites.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </Field>
  );
}
