// What a member lends, in words, and for its admin the form that changes it: for all its sites, or
// for one that has terms of its own.
import type { OfferView } from "@tequio/contract";
import { useId, useState } from "react";
import { useAction, useCall } from "../api.tsx";
import { OFFER_TEXTS } from "../texts/offers.ts";
import { ConfirmButton } from "../ui/confirm.tsx";
import { Field, Panel, TroubleNote, Waiting } from "../ui/parts.tsx";
import { OfferFields } from "./offer-fields.tsx";
import { draftOf, type Faults, type OfferDraft, readDraft, refusedField } from "./offer-form.ts";
import { OfferSummary } from "./offer-summary.tsx";

interface PanelProps {
  readonly member: string;
  readonly sites: readonly string[];
  readonly mayChange: boolean;
}

/** One panel for the member's offer and one for each site that has its own. */
export function OfferPanels(props: PanelProps) {
  const { member, sites, mayChange } = props;
  const offers = useCall("listOffers", { params: { name: member } });
  const [editing, setEditing] = useState(false);
  const [saved, setSaved] = useState(false);
  if (offers.data === undefined) return <Waiting trouble={offers.trouble} />;
  const { rows } = offers.data;
  const edit = mayChange && !editing && (
    <button
      type="button"
      onClick={() => {
        setEditing(true);
        setSaved(false);
      }}
    >
      {OFFER_TEXTS.edit}
    </button>
  );
  return (
    <>
      {rows.map((view) => (
        <Panel
          key={view.site ?? ""}
          title={view.site === undefined ? OFFER_TEXTS.title : OFFER_TEXTS.forSite(view.site)}
          actions={view.site === undefined && edit}
        >
          <OfferSummary view={view} />
          {view.site === undefined && <p role="status">{saved && OFFER_TEXTS.saved}</p>}
          {view.site === undefined && editing && (
            <OfferEditor
              member={member}
              sites={sites}
              views={rows}
              onClose={(done) => {
                setEditing(false);
                setSaved(done);
              }}
            />
          )}
        </Panel>
      ))}
    </>
  );
}

function OfferEditor(props: {
  readonly member: string;
  readonly sites: readonly string[];
  readonly views: readonly OfferView[];
  readonly onClose: (saved: boolean) => void;
}) {
  const [site, setSite] = useState("");
  const id = useId();
  const { sites, views } = props;
  // A site without terms of its own starts from those of its member.
  const own = views.find((view) => (view.site ?? "") === site);
  const start = own ?? views[0];
  if (start === undefined) return null;
  return (
    <div className="editor">
      {sites.length > 1 && (
        <Field id={id} label={OFFER_TEXTS.of}>
          <select id={id} value={site} onChange={(event) => setSite(event.target.value)}>
            <option value="">{OFFER_TEXTS.allSites}</option>
            {sites.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </Field>
      )}
      <OfferForm
        key={site}
        member={props.member}
        site={site === "" ? undefined : site}
        view={start}
        isOwn={own !== undefined && own.version > 0}
        onClose={props.onClose}
      />
    </div>
  );
}

function OfferForm(props: {
  readonly member: string;
  readonly site: string | undefined;
  readonly view: OfferView;
  /** True where these terms were set and can be given up. */
  readonly isOwn: boolean;
  readonly onClose: (saved: boolean) => void;
}) {
  const { member, site, view, onClose } = props;
  const set = useAction("setOffer");
  const [draft, setDraft] = useState<OfferDraft>(() => draftOf(view.offer));
  const [sent, setSent] = useState(false);
  // The version with which the form was opened: what others changed meanwhile is not overwritten.
  const [version] = useState(view.site === site ? view.version : undefined);
  const read = readDraft(draft);
  const at = refusedField(set.trouble?.at);
  const faults: Faults = {
    ...(read.ok ? {} : read.faults),
    ...(at === undefined || set.trouble === undefined ? {} : { [at]: set.trouble.message }),
  };
  async function save(): Promise<void> {
    setSent(true);
    if (!read.ok) return;
    const place = site === undefined ? {} : { site };
    const seen = version === undefined ? {} : { ifVersion: version };
    const body = { ...place, ...seen, offer: read.offer };
    if ((await set.run({ params: { name: member }, body })) !== undefined) onClose(true);
  }
  return (
    <>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <OfferFields
          draft={draft}
          faults={faults}
          onDraft={(next) => {
            set.clear();
            setDraft(next);
          }}
        />
        {sent && !read.ok && (
          <p className="fault" role="alert">
            {OFFER_TEXTS.faults}
          </p>
        )}
        <TroubleNote trouble={set.trouble} />
        <div className="actions">
          <button type="submit" className="primary" disabled={set.busy}>
            {OFFER_TEXTS.save}
          </button>
          <button type="button" onClick={() => onClose(false)}>
            {OFFER_TEXTS.back}
          </button>
        </div>
      </form>
      {/* Beside the form: its question is a form of its own. */}
      {props.isOwn && <ResetOffer member={member} site={site} onDone={() => onClose(true)} />}
    </>
  );
}

function ResetOffer(props: {
  readonly member: string;
  readonly site: string | undefined;
  readonly onDone: () => void;
}) {
  const reset = useAction("resetOffer");
  const { member, site, onDone } = props;
  async function act(): Promise<boolean> {
    const done = await reset.run({ params: { name: member }, query: { site } });
    if (done !== undefined) onDone();
    return done !== undefined;
  }
  return (
    <ConfirmButton
      label={site === undefined ? OFFER_TEXTS.reset : OFFER_TEXTS.resetSite}
      title={OFFER_TEXTS.resetTitle}
      explain={OFFER_TEXTS.resetExplain}
      danger
      busy={reset.busy}
      trouble={reset.trouble}
      onOpen={reset.clear}
      act={act}
    />
  );
}
