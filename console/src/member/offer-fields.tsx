// The fields of the form that changes an offer: each with its label, its note and its fault.
import { type ReactNode, useId } from "react";
import { OFFER_FORM_TEXTS } from "../texts/offers.ts";
import { Field, Marked } from "../ui/parts.tsx";
import { TextField } from "../ui/text-field.tsx";
import {
  type DeviceDraft,
  type Faults,
  NO_DEVICE,
  type OfferDraft,
  type OfferField,
} from "./offer-form.ts";

export interface FieldsProps {
  readonly draft: OfferDraft;
  readonly faults: Faults;
  readonly onDraft: (draft: OfferDraft) => void;
}

type FlagName = "ownFirst" | "shareAccelerators";
type TextName = Exclude<OfferField, "devices" | "bandwidth" | FlagName>;

/** All fields, those that are needed most first. */
export function OfferFields(props: FieldsProps) {
  const line = (name: TextName, label: string, note?: string) => (
    <OneLine {...props} name={name} label={label} note={note} />
  );
  const T = OFFER_FORM_TEXTS;
  return (
    <>
      <Devices {...props} />
      <div className="fields">
        <Lines {...props} name="hours" label={T.hours} note={T.hoursNote} />
        {line("zone", T.zone, T.zoneNote)}
        {line("allow", T.allow, T.allowNote)}
        {line("refuse", T.refuse, T.refuseNote)}
        {line("ownProjects", T.ownProjects, T.ownNote)}
        <Flag name="ownFirst" {...props} />
        <Flag name="shareAccelerators" {...props} />
        {line("grace", T.grace, T.graceNote)}
        {line("priceCpu", T.priceCpu, T.priceNote)}
        {line("priceGpu", T.priceGpu, T.priceNote)}
        <Lines {...props} name="priceModels" label={T.priceModels} note={T.priceModelsNote} />
        <Lines {...props} name="labels" label={T.labels} note={T.labelsNote} />
        {line("walltime", T.walltime, T.walltimeNote)}
        {line("cores", T.cores)}
        {line("memory", T.memory, T.memoryNote)}
      </div>
    </>
  );
}

interface OneProps extends FieldsProps {
  readonly name: TextName;
  readonly label: string;
  readonly note?: string | undefined;
}

function OneLine({ draft, faults, onDraft, name, label, note }: OneProps) {
  const id = useId();
  return (
    <TextField
      id={id}
      label={label}
      {...(note === undefined ? {} : { note })}
      fault={faults[name]}
      value={draft[name]}
      onText={(text) => onDraft({ ...draft, [name]: text })}
    />
  );
}

function Lines({ draft, faults, onDraft, name, label, note }: OneProps) {
  const id = useId();
  const fault = faults[name];
  return (
    <Field id={id} label={label} note={note} fault={fault}>
      <textarea
        id={id}
        className="code"
        rows={3}
        spellCheck={false}
        value={draft[name]}
        aria-describedby={`${id}-note${fault === undefined ? "" : ` ${id}-fault`}`}
        aria-invalid={fault === undefined ? undefined : true}
        onChange={(event) => onDraft({ ...draft, [name]: event.target.value })}
      />
    </Field>
  );
}

function Flag({ name, draft, onDraft }: FieldsProps & { readonly name: FlagName }) {
  const id = useId();
  return (
    <div className="field flag">
      <input
        id={id}
        type="checkbox"
        checked={draft[name]}
        onChange={(event) => onDraft({ ...draft, [name]: event.target.checked })}
      />
      <label htmlFor={id}>{OFFER_FORM_TEXTS[name]}</label>
    </div>
  );
}

function Devices({ draft, faults, onDraft }: FieldsProps) {
  const { devices } = draft;
  const set = (at: number, change: Partial<DeviceDraft>) =>
    onDraft({
      ...draft,
      devices: devices.map((rule, i) => (i === at ? { ...rule, ...change } : rule)),
    });
  const remove = (at: number) => onDraft({ ...draft, devices: devices.filter((_, i) => i !== at) });
  return (
    <fieldset className="group">
      <legend>{OFFER_FORM_TEXTS.devices}</legend>
      <small>{OFFER_FORM_TEXTS.devicesNote}</small>
      {devices.map((rule, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line has no other name than its place.
        <DeviceLine key={i} rule={rule} onRule={(change) => set(i, change)}>
          <button
            type="button"
            aria-label={OFFER_FORM_TEXTS.removeLine(i + 1)}
            onClick={() => remove(i)}
          >
            {OFFER_FORM_TEXTS.remove}
          </button>
        </DeviceLine>
      ))}
      {faults.devices !== undefined && (
        <small className="fault" role="status">
          <Marked text={faults.devices} />
        </small>
      )}
      <button type="button" onClick={() => onDraft({ ...draft, devices: [...devices, NO_DEVICE] })}>
        {OFFER_FORM_TEXTS.addDevice}
      </button>
    </fieldset>
  );
}

function DeviceLine(props: {
  readonly rule: DeviceDraft;
  readonly onRule: (change: Partial<DeviceDraft>) => void;
  readonly children: ReactNode;
}) {
  const { rule, onRule } = props;
  const id = useId();
  const T = OFFER_FORM_TEXTS;
  return (
    <div className="row">
      <TextField
        id={`${id}-node`}
        label={T.node}
        note={T.nodeNote}
        maxLength={256}
        value={rule.node}
        onText={(node) => onRule({ node })}
      />
      <Field id={`${id}-kind`} label={T.kind} narrow>
        <select
          id={`${id}-kind`}
          value={rule.kind}
          onChange={(event) => onRule({ kind: event.target.value })}
        >
          <option value="">{T.anyKind}</option>
          <option value="gpu">{T.gpu}</option>
          <option value="cpu">{T.cpu}</option>
        </select>
      </Field>
      <TextField
        id={`${id}-model`}
        label={T.model}
        note={T.modelNote}
        maxLength={128}
        value={rule.model}
        onText={(model) => onRule({ model })}
      />
      <TextField
        id={`${id}-count`}
        label={T.count}
        type="number"
        min={0}
        narrow
        value={rule.count}
        onText={(count) => onRule({ count })}
      />
      {props.children}
    </div>
  );
}
