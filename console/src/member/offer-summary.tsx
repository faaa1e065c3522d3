// An offer in words and figures: what is lent, when, to whom, at what price.
import type { OfferView, OfferWire } from "@tequio/contract";
import { credits, duration, memory, whole } from "../format.ts";
import { OFFER_TEXTS } from "../texts/offers.ts";
import { Badge, Moment, Stat } from "../ui/parts.tsx";

type Rule = OfferWire["devices"][number];

/** `2 × gpu H100 on gpu-*`: a line of the offer as people say it. */
function ruleText({ count, kind, model, node }: Rule): string {
  const what = [kind, model].filter((part) => part !== undefined).join(" ");
  const where = node === undefined ? "" : `on ${node}`;
  const many = count === undefined ? "" : `${count} ×`;
  return [many, what, where].filter((part) => part !== "").join(" ") || OFFER_TEXTS.everything;
}

function tenantsText({ tenants }: OfferWire): string {
  const { allow, refuse } = tenants;
  const parts = [
    allow.length > 0 ? OFFER_TEXTS.allOf(allow.join(", ")) : "",
    refuse.length > 0 ? OFFER_TEXTS.noneOf(refuse.join(", ")) : "",
  ].filter((part) => part !== "");
  return parts.join(", ") || OFFER_TEXTS.everybody;
}

function pricesText({ prices }: OfferWire): string {
  const { cpu, gpu, models } = prices;
  const parts = [
    gpu === undefined ? "" : `GPU ${credits(gpu)}`,
    cpu === undefined ? "" : `CPU ${credits(cpu)}`,
    ...models.map(({ model, microPerDeviceHour }) => `${model} ${credits(microPerDeviceHour)}`),
  ].filter((part) => part !== "");
  return parts.join(", ") || OFFER_TEXTS.poolPrices;
}

function capsText({ caps }: OfferWire): string {
  const { walltimeMs, milliCpuPerNode, memoryMiBPerNode } = caps;
  const parts = [
    walltimeMs === undefined ? "" : duration(walltimeMs),
    milliCpuPerNode === undefined ? "" : `${milliCpuPerNode / 1_000} cores`,
    memoryMiBPerNode === undefined ? "" : memory(memoryMiBPerNode),
  ].filter((part) => part !== "");
  return parts.join(", ") || OFFER_TEXTS.noCaps;
}

const hoursText = ({ hours }: OfferWire): string =>
  hours === null ? OFFER_TEXTS.always : `${hours.windows.join(", ")} (${hours.zone})`;

const ownText = ({ ownProjects, ownFirst }: OfferWire): string =>
  ownProjects.length === 0
    ? ""
    : `${ownProjects.join(", ")} ${ownFirst ? OFFER_TEXTS.ownFirst : OFFER_TEXTS.ownInLine}`;

const labelsText = ({ labels }: OfferWire): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(", ");

/** The terms of one offer. */
export function OfferSummary(props: { readonly view: OfferView }) {
  const { view } = props;
  const { offer } = view;
  const terms: readonly (readonly [string, string])[] = [
    [OFFER_TEXTS.what, offer.devices.map(ruleText).join("; ") || OFFER_TEXTS.everything],
    [OFFER_TEXTS.when, hoursText(offer)],
    [OFFER_TEXTS.whom, tenantsText(offer)],
    [OFFER_TEXTS.own, ownText(offer)],
    [OFFER_TEXTS.prices, pricesText(offer)],
    [OFFER_TEXTS.grace, duration(offer.recallGraceMs)],
    [OFFER_TEXTS.caps, capsText(offer)],
    [OFFER_TEXTS.labels, labelsText(offer)],
  ];
  return (
    <>
      <p className="line">
        <Badge state={view.open ? "open" : "closed"} />
        <NextChange view={view} />
        <span>
          {OFFER_TEXTS.lent}: {whole(view.acceleratorsLent)} / {whole(view.accelerators)}
        </span>
        <span className="muted">
          {OFFER_TEXTS.version(view.version)}
          {view.changedBy !== undefined && ` ${OFFER_TEXTS.by(view.changedBy)}`}
          {view.changedAtMs !== undefined && (
            <>
              {" "}
              <Moment atMs={view.changedAtMs} />
            </>
          )}
        </span>
      </p>
      {view.recalledDevices.length > 0 && (
        <p className="warn">{OFFER_TEXTS.recalled(view.recalledDevices.join(", "))}</p>
      )}
      <dl className="stats terms">
        {terms.map(([name, value]) =>
          value === "" ? null : <Stat key={name} name={name} value={value} />,
        )}
      </dl>
    </>
  );
}

function NextChange(props: { readonly view: OfferView }) {
  const { open, openUntilMs, opensAtMs } = props.view;
  const at = open ? openUntilMs : opensAtMs;
  if (at === undefined) return null;
  return (
    <span>
      {open ? OFFER_TEXTS.closes : OFFER_TEXTS.opens} <Moment atMs={at} />
    </span>
  );
}
