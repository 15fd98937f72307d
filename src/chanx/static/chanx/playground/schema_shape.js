// The shape of a JSON Schema as Pydantic writes it (2020-12): what kind of value a place takes, of
// which branches it is the choice, and from which value to start.

import { copyJson, isEqual, isNumber, isObject, put, RawJson, take } from "./schema_json.js";

/** @typedef {Record<string, any>} Schema */
/** @typedef {Record<string, any>} Definitions Schemas by the NAME of "#/$defs/NAME". */
/** @typedef {{path: (string | number)[], text: string}} Problem */
/**
 * @typedef {"any" | "array" | "boolean" | "const" | "enum" | "null" | "nullable" | "number" | "object" |
 *   "string" | "union"} Kind
 */

const DEFINITIONS = "#/$defs/";
const MAX_DEPTH = 64;
/** What a schema says of itself, and not of the values. */
const NOTES = new Set(["title", "description", "default", "examples", "deprecated", "discriminator", "readOnly", "writeOnly"]);

/** Values that are right for a format, to start from. */
const STARTS = {
  date: "2025-01-31",
  "date-time": "2025-01-31T12:00:00Z",
  time: "12:00:00",
  duration: "PT1H",
  email: "user@example.com",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  uri: "https://example.com/",
  uuid: "5f0c4f8e-3d0a-4b6e-9d55-0a1b2c3d4e5f",
};

/**
 * Returns a schema without references and `allOf` at its top: what they lead to stands in it.
 *
 * What leads nowhere, or to itself, is a schema that takes everything.
 *
 * @param {any} schema
 * @param {Definitions} definitions
 * @param {number} [depth]
 * @returns {Schema}
 */
export function resolve(schema, definitions, depth = 0) {
  if (schema === false) return { not: {} };
  let found = isObject(schema) ? schema : {};
  for (let step = depth; step < MAX_DEPTH; step += 1) {
    if (typeof found.$ref === "string") {
      const { $ref, ...beside } = found;
      found = merge(getDefinition($ref, definitions), beside);
    } else if (Array.isArray(found.allOf)) {
      const { allOf, ...beside } = found;
      const parts = allOf.map((/** @type {any} */ each) => resolve(each, definitions, step + 1));
      found = [...parts, beside].reduce(merge, {});
    } else return found;
  }
  return {};
}

/**
 * @param {string} reference
 * @param {Definitions} definitions
 * @returns {Schema}
 */
export function getDefinition(reference, definitions) {
  const name = reference.startsWith(DEFINITIONS) ? reference.slice(DEFINITIONS.length) : reference;
  const found = take(definitions, name);
  return isObject(found) ? found : {};
}

/**
 * @param {Schema} one
 * @param {Schema} other
 * @returns {Schema}
 */
function merge(one, other) {
  const merged = { ...one, ...other };
  if (one.properties && other.properties) merged.properties = { ...one.properties, ...other.properties };
  if (one.required && other.required) merged.required = [...new Set([...one.required, ...other.required])];
  return merged;
}

/**
 * Returns the schemas of which a value fulfils one, resolved; null: the schema has no choice in it.
 *
 * @param {Schema} schema Resolved.
 * @param {Definitions} definitions
 * @returns {Schema[] | null}
 */
export function getBranches(schema, definitions) {
  const members = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(members) && members.length) {
    const entries = Object.entries(schema).filter(([key]) => key !== "anyOf" && key !== "oneOf" && !NOTES.has(key));
    const beside = Object.fromEntries(entries);
    return members.map((each) => merge(resolve(each, definitions), beside));
  }
  if (!Array.isArray(schema.type)) return null;
  return schema.type.map((/** @type {string} */ type) => ({ ...schema, type }));
}

/** @param {Schema} schema */
export function isSecret(schema) {
  return schema.format === "password" || schema.writeOnly === true;
}

/**
 * @param {Schema} schema Resolved.
 * @returns {Kind}
 */
export function getKind(schema) {
  if ("const" in schema) return schema.const === null ? "null" : "const";
  if (Array.isArray(schema.enum) && schema.enum.length) return "enum";
  const members = schema.anyOf ?? schema.oneOf ?? schema.type;
  if (Array.isArray(members) && members.length) {
    const hasNull = members.some((each) => each === "null" || each?.type === "null");
    return hasNull && members.length === 2 ? "nullable" : "union";
  }
  switch (schema.type) {
    case "integer":
    case "number":
      return "number";
    case "object":
    case "array":
    case "string":
    case "boolean":
    case "null":
      return schema.type;
  }
  if (isObject(schema.properties)) return "object";
  return Array.isArray(schema.prefixItems) || isObject(schema.items) ? "array" : "any";
}

/**
 * Tells whether a value is of the kind of a schema, right or not.
 *
 * @param {any} value
 * @param {Schema} schema Resolved.
 * @param {Definitions} definitions
 * @returns {boolean}
 */
export function isOfKind(value, schema, definitions) {
  switch (getKind(schema)) {
    case "const":
      return isEqual(value, schema.const);
    case "enum":
      return schema.enum.some((/** @type {any} */ each) => isEqual(each, value));
    case "null":
      return value === null;
    case "nullable":
    case "union":
      return (getBranches(schema, definitions) ?? []).some((each) => isOfKind(value, each, definitions));
    case "object":
      return isObject(value);
    case "array":
      return Array.isArray(value);
    case "string":
      return typeof value === "string";
    case "number":
      return isNumeric(value);
    case "boolean":
      return typeof value === "boolean";
    default:
      return true;
  }
}

/** @param {any} value */
export function isNumeric(value) {
  return typeof value === "number" || (value instanceof RawJson && isNumber(value.source));
}

/**
 * Returns the number of the branch that the discriminator chooses, or -1.
 *
 * @param {any} value
 * @param {Schema} schema
 * @param {Schema[]} branches
 * @param {Definitions} definitions
 */
export function findNamedBranch(value, schema, branches, definitions) {
  const name = schema.discriminator?.propertyName;
  const tag = typeof name === "string" ? take(value, name) : undefined;
  if (tag === undefined) return -1;
  const members = schema.oneOf ?? schema.anyOf ?? [];
  const reference = take(schema.discriminator.mapping, String(tag));
  const mapped = members.findIndex((/** @type {any} */ each) => typeof reference === "string" && each?.$ref === reference);
  if (mapped >= 0) return mapped;
  return branches.findIndex((branch) => getTags(branch, name, definitions).some((each) => isEqual(each, tag)));
}

/**
 * Returns the values by which a property names a branch.
 *
 * @param {Schema} branch
 * @param {string} name
 * @param {Definitions} definitions
 * @returns {any[]}
 */
export function getTags(branch, name, definitions) {
  const tag = resolve(take(branch.properties, name), definitions);
  if ("const" in tag) return [tag.const];
  if (Array.isArray(tag.enum)) return tag.enum;
  return (getBranches(branch, definitions) ?? []).flatMap((each) => getTags(each, name, definitions));
}

/**
 * Returns a value to start from: what must be there, and as little else as possible.
 *
 * @param {any} schema
 * @param {Definitions} definitions
 * @param {number} [depth]
 * @returns {any}
 */
export function makeStart(schema, definitions, depth = 0) {
  const found = resolve(schema, definitions);
  if (depth > 12) return null;
  if ("const" in found) return found.const;
  if (found.default !== undefined && found.default !== null) return copyJson(found.default);
  if (Array.isArray(found.examples) && found.examples.length) return copyJson(found.examples[0]);
  switch (getKind(found)) {
    case "enum":
      return found.enum[0];
    case "nullable":
    case "union": {
      const branches = getBranches(found, definitions) ?? [];
      return makeStart(branches.find((each) => each.type !== "null") ?? {}, definitions, depth + 1);
    }
    case "object":
      return makeObject(found, definitions, depth);
    case "array": {
      const first = found.prefixItems ?? [];
      const count = Math.min(Math.max(found.minItems ?? 0, found.maxItems === undefined ? 0 : Math.min(first.length, found.maxItems)), 100);
      return Array.from({ length: count }, (_, index) => makeStart(first[index] ?? found.items, definitions, depth + 1));
    }
    case "string":
      return found.pattern === undefined ? (take(STARTS, found.format) ?? "") : "";
    case "number":
      return makeNumber(found);
    case "boolean":
      return false;
    default:
      return null;
  }
}

/**
 * @param {Schema} schema
 * @param {Definitions} definitions
 * @param {number} depth
 */
function makeObject(schema, definitions, depth) {
  const made = {};
  const required = new Set(schema.required ?? []);
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    // Constants are the names of branches, which need not be required to be needed.
    const isNeeded = required.has(key) || "const" in resolve(property, definitions);
    if (isNeeded) put(made, key, makeStart(property, definitions, depth + 1));
  }
  return made;
}

/** @param {Schema} schema */
function makeNumber(schema) {
  const step = schema.multipleOf ?? 1;
  const { minimum, exclusiveMinimum, maximum, exclusiveMaximum } = schema;
  const low = minimum ?? (exclusiveMinimum === undefined ? undefined : exclusiveMinimum + (schema.type === "integer" ? 1 : step));
  const high = maximum ?? (exclusiveMaximum === undefined ? undefined : exclusiveMaximum - step);
  if (low !== undefined && low > 0) return Math.ceil(low / step) * step;
  return high !== undefined && high < 0 ? Math.floor(high / step) * step : 0;
}
