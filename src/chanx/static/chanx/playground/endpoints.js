// Where a connection goes: its endpoint, and the URL made of what was filled in.

import { isMatch } from "./schema_texts.js";

/** @typedef {import("./types.js").Endpoint} Endpoint */
/** @typedef {import("./types.js").Parameter} Parameter */
/** @typedef {import("./types.js").Schema} Schema */

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const SECRET =
  /token|secret|passw|pwd|jwt|credential|api[-_]?key|signature|(^|[-_.])(auth|authorization|sid|session[-_]?id)($|[-_.])/i;

/**
 * Tells whether what has this name may be a secret, which is kept nowhere.
 *
 * @param {string} name
 */
export function isSecretName(name) {
  return SECRET.test(name);
}

/**
 * Returns what is wrong with the text of a parameter, or null.
 *
 * @param {Parameter} parameter
 * @param {string} value
 */
export function findProblem(parameter, value) {
  if (value === "") return "Required.";
  if (value.split("/").some((part) => part === "." || part === "..")) {
    return "A URL cannot hold “.” or “..” as a part of its path.";
  }
  try {
    encodeURIComponent(value);
  } catch {
    return "Half of a character: a URL cannot hold it.";
  }
  return matches(parameter, value) ? null : `Does not fit. ${parameter.description}`;
}

/**
 * @param {Parameter} parameter
 * @param {string} value
 */
function matches({ schema }, value) {
  if (schema["type"] === "integer") return /^[0-9]+$/.test(value);
  if (schema["format"] === "uuid") return UUID.test(value);
  const pattern = schema["pattern"];
  return typeof pattern !== "string" || isMatch(pattern, value);
}

/**
 * Returns the path in parts, with empty parameters as "{name}".
 *
 * @param {Endpoint} endpoint
 * @param {Record<string, string>} values
 * @returns {{text: string, isFilled: boolean, name: string | null}[]}
 */
export function fillPath(endpoint, values) {
  const known = new Map(endpoint.parameters.map((each) => [each.name, each]));
  const parts = endpoint.path.split(/(\{[^{}]*\})/).map((text) => {
    const parameter = known.get(text.slice(1, -1));
    if (!text.startsWith("{") || !parameter) return { text, isFilled: true, name: null };
    const value = Object.hasOwn(values, parameter.name) ? (values[parameter.name] ?? "") : "";
    const isFilled = value !== "";
    return {
      text: isFilled ? encode(parameter, value) : text,
      isFilled,
      name: parameter.name,
    };
  });
  return parts;
}

/**
 * @param {Parameter} parameter
 * @param {string} value
 */
function encode({ converter }, value) {
  // Only these may hold slashes, which proxies do not like encoded.
  const parts = converter === "path" || converter === null ? value.split("/") : [value];
  return parts.map((part) => encodeSafely(part)).join("/");
}

/** @param {string} text */
function encodeSafely(text) {
  try {
    return encodeURIComponent(text);
  } catch {
    return ""; // of which findProblem() tells
  }
}

/**
 * Returns the query string with its "?", or "" for none.
 *
 * @param {[string, string][]} rows Those without a name are left out.
 */
export function makeQuery(rows) {
  const named = rows.filter(([name]) => name !== "");
  return named.length ? `?${new URLSearchParams(named)}` : "";
}

/**
 * Returns the query parameters that the endpoint says it takes.
 *
 * @param {Endpoint} endpoint
 * @returns {{name: string, description: string, isRequired: boolean, choices: string[], hint: string}[]}
 */
export function getQueryParameters(endpoint) {
  const schema = endpoint.query ?? {};
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  return Object.entries(schema["properties"] ?? {}).map(([name, property]) => {
    const fallback = property.default;
    return {
      name,
      description: String(property.description ?? ""),
      isRequired: required.includes(name),
      choices: getChoices(property),
      hint: fallback === undefined || fallback === null ? "" : String(fallback),
    };
  });
}

/**
 * Returns what an enumeration, or a part of a union that is one, allows.
 *
 * @param {Schema} schema
 * @returns {string[]}
 */
function getChoices(schema) {
  if (Array.isArray(schema["enum"])) return schema["enum"].map(String);
  const parts = schema["anyOf"] ?? schema["allOf"];
  return Array.isArray(parts) ? parts.flatMap((part) => getChoices(part)) : [];
}
