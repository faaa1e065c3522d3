// JSON Schema as rows of a table: dotted names, readable types, defaults. It knows only the part
// of JSON Schema that the contract uses.

/** The part of a JSON Schema that a table shows. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly additionalProperties?: boolean | Schema;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

/** One row: a field at any depth. */
export interface FieldRow {
  /** `run.model.width`, `rows[].name`. */
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  /** As JSON; undefined when there is none. */
  readonly fallback: string | undefined;
  readonly about: string;
}

/** Bounds that only say "a whole number that a computer can hold" tell the reader nothing. */
const isBound = (value: number | undefined): value is number =>
  value !== undefined && Math.abs(value) < Number.MAX_SAFE_INTEGER;

const number = (value: number): string => value.toLocaleString("en-US");

function rangeOf(schema: Schema): string {
  const { minimum, exclusiveMinimum, maximum } = schema;
  const low = isBound(minimum) ? `≥ ${number(minimum)}` : "";
  const over = isBound(exclusiveMinimum) ? `> ${number(exclusiveMinimum)}` : "";
  const high = isBound(maximum) ? `≤ ${number(maximum)}` : "";
  const parts = [low || over, high].filter((part) => part !== "");
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}

const unique = (texts: readonly string[]): string => [...new Set(texts)].join(" or ");

/** A type as a reader says it: `whole number (≥ 1)`, `list of texts`, `cpu or gpu`. */
export function typeText(schema: Schema): string {
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return unique(choices.map(typeText));
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((one) => `\`${String(one)}\``).join(", ");
  if (Array.isArray(schema.type)) {
    return unique(schema.type.map((type: string) => typeText({ ...schema, type })));
  }
  switch (schema.type) {
    case "integer":
      return `whole number${rangeOf(schema)}`;
    case "number":
      return `number${rangeOf(schema)}`;
    case "boolean":
      return "true or false";
    case "null":
      return "null";
    case "string":
      return isBound(schema.maxLength) ? `text (≤ ${number(schema.maxLength)} characters)` : "text";
    case "array":
      return `list${schema.items?.properties ? "" : `: ${typeText(schema.items ?? {})}`}`;
    case "object":
      if (schema.properties !== undefined) return "object";
      return typeof schema.additionalProperties === "object"
        ? `map to ${typeText(schema.additionalProperties)}`
        : "object";
    default:
      return "any";
  }
}

/** Variants of an object as one: what stands in all is required, what differs is a choice. */
function mergedVariants(schema: Schema): Schema {
  const variants = schema.anyOf ?? schema.oneOf ?? [];
  if (variants.length === 0 || variants.some((one) => one.properties === undefined)) return schema;
  const properties: Record<string, Schema> = {};
  for (const variant of variants) {
    for (const [key, field] of Object.entries(variant.properties ?? {})) {
      const before = properties[key];
      properties[key] =
        before === undefined ? field : { anyOf: [...(before.anyOf ?? [before]), field] };
    }
  }
  const required = Object.keys(properties).filter((key) =>
    variants.every((variant) => (variant.required ?? []).includes(key)),
  );
  return { properties, required };
}

/** All fields of an object schema, those of nested objects after their parent. */
export function fieldRows(schema: Schema, prefix = ""): readonly FieldRow[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, field]) => {
    const name = `${prefix}${key}`;
    const fallback = field.default === undefined ? undefined : JSON.stringify(field.default);
    const row: FieldRow = {
      name,
      type: typeText(field),
      required: (schema.required ?? []).includes(key),
      fallback,
      about: field.description ?? "",
    };
    const listed = field.items === undefined ? undefined : mergedVariants(field.items);
    const inner = listed?.properties === undefined ? mergedVariants(field) : listed;
    const deeper = inner === listed ? `${name}[].` : `${name}.`;
    return [row, ...fieldRows(inner, deeper)];
  });
}
