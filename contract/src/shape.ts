// Wire shapes as plain data, and what checks them without the library that wrote them: JSON Schema,
// as far as the shapes of the gateway use it. A process that lives for weeks and reads a few kinds
// of messages needs no more; agent-shapes.ts makes the data from the schemas themselves.

/** A JSON Schema (2020-12) of the kinds below. */
export type Shape = Readonly<Record<string, unknown>>;
export type Check = (value: unknown) => boolean;

/** Words that say nothing about the value, or nothing that `type` has not said for JSON. */
const NO_RULE: ReadonlySet<string> = new Set([
  "$schema",
  "propertyNames",
  "required",
  "properties",
]);

/** What checks values against a shape. Throws for a word that it does not know, so that a shape is
 * never half checked. Values are what `JSON.parse` gives. */
export function checkOf(shape: Shape): Check {
  const rules = Object.entries(shape)
    .filter(([word]) => !NO_RULE.has(word))
    .map(([word, given]) => ruleOf(word, given, shape));
  return (value) => rules.every((rule) => rule(value));
}

function ruleOf(word: string, given: unknown, shape: Shape): Check {
  const count = Number(given);
  switch (word) {
    case "type":
      return given === "object" ? objectRule(shape) : TYPES[String(given)]!;
    case "const":
      return (value) => value === given;
    case "enum":
      return (value) => (given as readonly unknown[]).includes(value);
    case "anyOf":
    case "oneOf": {
      // The choices of our shapes exclude each other by a constant, so any is one.
      const checks = (given as readonly Shape[]).map(checkOf);
      return (value) => checks.some((check) => check(value));
    }
    case "items": {
      const check = checkOf(given as Shape);
      return (value) => Array.isArray(value) && value.every(check);
    }
    case "additionalProperties":
      return () => true; // Its object's rule has it.
    case "minimum":
      return (value) => typeof value === "number" && value >= count;
    case "maximum":
      return (value) => typeof value === "number" && value <= count;
    case "minItems":
      return (value) => Array.isArray(value) && value.length >= count;
    case "maxItems":
      return (value) => Array.isArray(value) && value.length <= count;
    case "minLength":
      return (value) => typeof value === "string" && value.length >= count;
    case "maxLength":
      return (value) => typeof value === "string" && value.length <= count;
    case "pattern": {
      const pattern = new RegExp(String(given));
      return (value) => typeof value === "string" && pattern.test(value);
    }
    default:
      throw new Error(`A shape has a word that is not known here: ${word}`);
  }
}

const TYPES: Readonly<Record<string, Check>> = {
  string: (value) => typeof value === "string",
  boolean: (value) => typeof value === "boolean",
  // JSON's 1e999 is read as infinite.
  number: Number.isFinite,
  integer: Number.isSafeInteger,
  array: Array.isArray,
  null: (value) => value === null,
};

function objectRule(shape: Shape): Check {
  const fields = new Map(
    Object.entries((shape.properties ?? {}) as Record<string, Shape>).map(([name, field]) => [
      name,
      checkOf(field),
    ]),
  );
  const required = (shape.required ?? []) as readonly string[];
  const { additionalProperties: others } = shape;
  const other: Check =
    others === false ? () => false : others === undefined ? () => true : checkOf(others as Shape);
  return (value) =>
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    required.every((name) => Object.hasOwn(value, name)) &&
    Object.entries(value).every(([name, field]) => (fields.get(name) ?? other)(field));
}
