// An offer as the form holds it, all texts, and the way to the contract's offer and back. Faults
// are said field by field: here what cannot be read, by the contract's schema the rest. Pure.
import { OfferWire, parseDurationMs, parseSizeMiB } from "@tequio/contract";
import { OFFER_FORM_TEXTS } from "../texts/offers.ts";

export interface DeviceDraft {
  readonly node: string;
  readonly kind: string;
  readonly model: string;
  readonly count: string;
}

export interface OfferDraft {
  readonly devices: readonly DeviceDraft[];
  readonly hours: string;
  readonly zone: string;
  readonly allow: string;
  readonly refuse: string;
  readonly ownProjects: string;
  readonly ownFirst: boolean;
  readonly shareAccelerators: boolean;
  /** Set by the command line; kept as it is. */
  readonly bandwidth: OfferWire["bandwidth"];
  readonly labels: string;
  readonly priceCpu: string;
  readonly priceGpu: string;
  readonly priceModels: string;
  readonly grace: string;
  readonly walltime: string;
  readonly cores: string;
  readonly memory: string;
}

export type OfferField = keyof OfferDraft;
export type Faults = Partial<Record<OfferField, string>>;
export type ReadOffer =
  | { readonly ok: true; readonly offer: OfferWire }
  | { readonly ok: false; readonly faults: Faults };

export const NO_DEVICE: DeviceDraft = { node: "", kind: "", model: "", count: "" };

const MICRO = 1_000_000;
const SECOND_MS = 1_000;
const UNITS: readonly (readonly [string, number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", SECOND_MS],
];

const lines = (text: string): string[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
const names = (text: string): string[] => text.split(/[,\s]+/).filter((name) => name !== "");
const textOf = (value: number | undefined, each = 1): string =>
  value === undefined ? "" : String(value / each);

/** The largest unit that says it in whole numbers: `12h`, `90m`. */
function durationText(ms: number | undefined): string {
  if (ms === undefined) return "";
  const [unit, size] = UNITS.find(([, length]) => ms % length === 0) ?? ["ms", 1];
  return `${ms / size}${unit}`;
}

const sizeText = (mib: number | undefined): string => {
  if (mib === undefined) return "";
  return mib % 1_024 === 0 ? `${mib / 1_024}G` : `${mib}M`;
};

/** The offer as texts. */
export function draftOf(offer: OfferWire): OfferDraft {
  const { hours, tenants, prices, caps } = offer;
  return {
    devices: offer.devices.map(({ node = "", kind = "", model = "", count }) => ({
      ...{ node, kind, model, count: textOf(count) },
    })),
    hours: hours?.windows.join("\n") ?? "",
    zone: hours?.zone ?? "",
    allow: tenants.allow.join(", "),
    refuse: tenants.refuse.join(", "),
    ownProjects: offer.ownProjects.join(", "),
    ownFirst: offer.ownFirst,
    shareAccelerators: offer.shareAccelerators,
    bandwidth: offer.bandwidth,
    labels: Object.entries(offer.labels)
      .map(([name, value]) => `${name}=${value}`)
      .join("\n"),
    priceCpu: textOf(prices.cpu, MICRO),
    priceGpu: textOf(prices.gpu, MICRO),
    priceModels: prices.models
      .map(({ model, microPerDeviceHour }) => `${model} = ${microPerDeviceHour / MICRO}`)
      .join("\n"),
    grace: textOf(offer.recallGraceMs, SECOND_MS),
    walltime: durationText(caps.walltimeMs),
    cores: textOf(caps.milliCpuPerNode, 1_000),
    memory: sizeText(caps.memoryMiBPerNode),
  };
}

/** Collects faults while a draft is read. */
interface Reader {
  readonly faults: Faults;
  readonly number: (field: OfferField, text: string, each: number) => number | undefined;
}

function makeReader(): Reader {
  const faults: Faults = {};
  function number(field: OfferField, text: string, each: number): number | undefined {
    if (text.trim() === "") return undefined;
    const value = Number(text);
    if (Number.isFinite(value)) return Math.round(value * each);
    faults[field] = OFFER_FORM_TEXTS.notNumber;
    return undefined;
  }
  return { faults, number };
}

function labelsOf({ faults }: Reader, text: string): Record<string, string> {
  const pairs = lines(text).map((line) => {
    const at = line.indexOf("=");
    if (at < 1) faults.labels = OFFER_FORM_TEXTS.notLabel(line);
    return [line.slice(0, at).trim(), line.slice(at + 1).trim()] as const;
  });
  return Object.fromEntries(pairs);
}

function modelPrices({ faults }: Reader, text: string) {
  return lines(text).map((line) => {
    const at = line.lastIndexOf("=");
    const price = at < 1 ? Number.NaN : Number(line.slice(at + 1).trim() || Number.NaN);
    if (!Number.isFinite(price)) faults.priceModels = OFFER_FORM_TEXTS.notPrice(line);
    return {
      model: line.slice(0, at).trim(),
      microPerDeviceHour: Number.isFinite(price) ? Math.round(price * MICRO) : 0,
    };
  });
}

function capsOf(reader: Reader, draft: OfferDraft) {
  const walltimeMs = draft.walltime.trim() === "" ? undefined : parseDurationMs(draft.walltime);
  if (draft.walltime.trim() !== "" && walltimeMs === undefined) {
    reader.faults.walltime = OFFER_FORM_TEXTS.notDuration;
  }
  const memory = draft.memory.trim() === "" ? undefined : parseSizeMiB(draft.memory);
  if (draft.memory.trim() !== "" && memory === undefined) {
    reader.faults.memory = OFFER_FORM_TEXTS.notSize;
  }
  const milliCpuPerNode = reader.number("cores", draft.cores, 1_000);
  return given({ walltimeMs, milliCpuPerNode, memoryMiBPerNode: memory });
}

/** Without what is undefined: an absent field and an undefined one are not the same on the wire. */
const given = <T extends object>(parts: T): Partial<T> =>
  Object.fromEntries(
    Object.entries(parts).filter(([, value]) => value !== undefined && value !== ""),
  ) as Partial<T>;

/** The offer that a draft means, or what is wrong with which field. */
export function readDraft(draft: OfferDraft): ReadOffer {
  const reader = makeReader();
  const { faults, number } = reader;
  const windows = lines(draft.hours);
  const offer = {
    devices: draft.devices.map(({ node, kind, model, count }) =>
      given({
        node: node.trim(),
        kind,
        model: model.trim(),
        count: number("devices", count, 1),
      }),
    ),
    hours: windows.length === 0 ? null : { windows, ...given({ zone: draft.zone.trim() }) },
    tenants: { allow: names(draft.allow), refuse: names(draft.refuse) },
    labels: labelsOf(reader, draft.labels),
    prices: {
      ...given({
        cpu: number("priceCpu", draft.priceCpu, MICRO),
        gpu: number("priceGpu", draft.priceGpu, MICRO),
      }),
      models: modelPrices(reader, draft.priceModels),
    },
    ...given({ recallGraceMs: number("grace", draft.grace, SECOND_MS) }),
    ownProjects: names(draft.ownProjects),
    ownFirst: draft.ownFirst,
    shareAccelerators: draft.shareAccelerators,
    bandwidth: draft.bandwidth,
    caps: capsOf(reader, draft),
  };
  const parsed = OfferWire.safeParse(offer);
  for (const { path, message } of parsed.error?.issues ?? []) {
    const field = fieldAt(path.map(String));
    faults[field] ??= message;
  }
  if (!parsed.success || Object.keys(faults).length > 0) return { ok: false, faults };
  return { ok: true, offer: parsed.data };
}

const FIELDS: Readonly<Record<string, OfferField>> = {
  devices: "devices",
  hours: "hours",
  "hours.windows": "hours",
  "hours.zone": "zone",
  zone: "zone",
  "tenants.allow": "allow",
  "tenants.refuse": "refuse",
  labels: "labels",
  "prices.cpu": "priceCpu",
  "prices.gpu": "priceGpu",
  "prices.models": "priceModels",
  recallGraceMs: "grace",
  ownProjects: "ownProjects",
  ownFirst: "ownFirst",
  shareAccelerators: "shareAccelerators",
  "caps.walltimeMs": "walltime",
  "caps.milliCpuPerNode": "cores",
  "caps.memoryMiBPerNode": "memory",
};

/** The field of the form where a part of the offer stands; the devices for the unknown. */
export function fieldAt(path: readonly string[]): OfferField {
  const from = path[0] === "offer" ? path.slice(1) : path;
  return FIELDS[from.slice(0, 2).join(".")] ?? FIELDS[from[0] ?? ""] ?? "devices";
}

/** The field that a refusal of the pool is about, from its `at`; undefined for none of them. */
export function refusedField(at: string | undefined): OfferField | undefined {
  if (at === undefined) return undefined;
  const parts = at.split(/[.[\]/]+/).filter((part) => part !== "" && part !== "body");
  const from = parts[0] === "offer" ? parts.slice(1) : parts;
  return FIELDS[from.slice(0, 2).join(".")] ?? FIELDS[from[0] ?? ""];
}
