// What a schema asks for, in plain words.

import { take, writeJson } from "./schema_json.js";

/** @typedef {import("./schema_shape.js").Schema} Schema */

const TYPES = {
  array: "a list",
  boolean: "true or false",
  integer: "a whole number",
  null: "null",
  number: "a number",
  object: "an object",
  string: "text",
};

/** What a text of a format is called, and one of them. */
const FORMATS = {
  "base64url": ["Base64 (URL-safe)"],
  binary: ["bytes as text"],
  date: ["a date", "2025-01-31"],
  "date-time": ["a date and time", "2025-01-31T12:00:00Z"],
  decimal: ["a decimal number"],
  duration: ["a duration", "P1DT2H30M"],
  email: ["an email address", "user@example.com"],
  ipv4: ["an IPv4 address", "192.0.2.1"],
  ipv6: ["an IPv6 address", "2001:db8::1"],
  ipv4network: ["an IPv4 network", "192.0.2.0/24"],
  ipv6network: ["an IPv6 network", "2001:db8::/32"],
  password: ["a secret"],
  time: ["a time", "12:30:00"],
  uri: ["a URL", "https://example.com/"],
  uuid: ["a UUID", "5f0c4f8e-3d0a-4b6e-9d55-0a1b2c3d4e5f"],
};
const MAX_CHOICES = 12;

/**
 * @param {string | string[] | undefined} type
 * @returns {string}
 */
export function nameType(type) {
  if (Array.isArray(type)) return joinWords([...new Set(type)].map(nameType));
  return type === undefined ? "JSON" : (take(TYPES, type) ?? type);
}

/** @param {string} format */
function nameFormat(format) {
  const [name, example] = take(FORMATS, format) ?? [`text of the format ${format}`];
  return example ? `${name}, like ${example}` : name;
}

/** @param {string[]} words */
export function joinWords(words) {
  return words.length > 1 ? `${words.slice(0, -1).join(", ")} or ${words.at(-1)}` : (words[0] ?? "");
}

/** @param {any[]} values */
export function listChoices(values) {
  const shown = values.slice(0, MAX_CHOICES).map((each) => writeJson(each));
  const left = values.length - shown.length;
  return left ? `${shown.join(", ")} and ${left} more` : joinWords(shown);
}

/**
 * @param {number} count
 * @param {string} one
 */
function count(count, one) {
  return `${count} ${one}${count === 1 ? "" : "s"}`;
}

/**
 * Returns what is wrong, by the keyword that says so.
 *
 * @param {string} keyword
 * @param {Schema} schema
 * @returns {string}
 */
export function describeProblem(keyword, schema) {
  const value = schema[keyword];
  switch (keyword) {
    case "type":
      return `must be ${nameType(value)}`;
    case "const":
      return `must be ${writeJson(value)}`;
    case "enum":
      return value.length === 1 ? `must be ${listChoices(value)}` : `must be one of ${listChoices(value)}`;
    case "minimum":
      return `must be at least ${value}`;
    case "maximum":
      return `must be at most ${value}`;
    case "exclusiveMinimum":
      return `must be more than ${value}`;
    case "exclusiveMaximum":
      return `must be less than ${value}`;
    case "multipleOf":
      return `must be a multiple of ${value}`;
    case "minLength":
      return value === 1 ? "must not be empty" : `must have at least ${count(value, "character")}`;
    case "maxLength":
      return `must have at most ${count(value, "character")}`;
    case "pattern":
      return `must match the pattern ${value}`;
    case "format":
      return `must be ${nameFormat(value)}`;
    case "minItems":
      return `must have at least ${count(value, "item")}`;
    case "maxItems":
      return `must have at most ${count(value, "item")}`;
    case "minProperties":
      return `must have at least ${count(value, "key")}`;
    case "maxProperties":
      return `must have at most ${count(value, "key")}`;
  }
  return "does not fit the schema";
}

/**
 * Returns what a field takes, for the line beside its name: "whole number, 1 to 10".
 *
 * @param {Schema} schema Resolved.
 * @returns {string}
 */
export function describeType(schema) {
  const format = typeof schema.format === "string" ? take(FORMATS, schema.format)?.[0] : undefined;
  const name = (format ?? nameType(schema.type)).replace(/^an? /, "");
  return [name, ...describeBounds(schema)].join(", ");
}

/** @param {Schema} schema */
function describeBounds(schema) {
  const said = [];
  const { minimum, maximum } = schema;
  if (minimum !== undefined && maximum !== undefined) said.push(`${minimum} to ${maximum}`);
  else if (minimum !== undefined) said.push(`at least ${minimum}`);
  else if (maximum !== undefined) said.push(`at most ${maximum}`);
  if (schema.exclusiveMinimum !== undefined) said.push(`more than ${schema.exclusiveMinimum}`);
  if (schema.exclusiveMaximum !== undefined) said.push(`less than ${schema.exclusiveMaximum}`);
  if (schema.multipleOf !== undefined) said.push(`multiple of ${schema.multipleOf}`);
  for (const [low, high, one] of [
    [schema.minLength, schema.maxLength, "character"],
    [schema.minItems, schema.maxItems, "item"],
    [schema.minProperties, schema.maxProperties, "key"],
  ]) {
    if (low && low === high) said.push(count(low, one));
    else if (low && high !== undefined) said.push(`${low} to ${count(high, one)}`);
    else if (low) said.push(`at least ${count(low, one)}`);
    else if (high !== undefined) said.push(`at most ${count(high, one)}`);
  }
  return said;
}
