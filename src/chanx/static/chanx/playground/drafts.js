// What may be kept of a message that was not sent: none of what its keys or its schema call a secret.

import { showsToken } from "./credentials.js";
import { isSecretName } from "./endpoints.js";
import { RawJson, isObject, parseJson, put, writeJson } from "./schema_json.js";
import { isSecret } from "./schema_shape.js";

/**
 * Returns the names of all properties that schemas say are secret.
 *
 * @param {any} schemas
 * @returns {Set<string>}
 */
export function findSecretNames(schemas) {
  /** @type {Set<string>} */
  const names = new Set();
  /**
   * @param {any} schema
   * @param {string | null} name Of the property that it is of.
   */
  const look = (schema, name) => {
    if (Array.isArray(schema)) for (const each of schema) look(each, name);
    if (!isObject(schema)) return;
    if (name !== null && isSecret(schema)) names.add(name);
    for (const [key, each] of Object.entries(schema)) {
      if (key !== "properties") look(each, name);
      else if (isObject(each)) for (const [inner, property] of Object.entries(each)) look(property, inner);
    }
  };
  look(schemas, null);
  return names;
}

/**
 * Returns a draft without secrets; null: nothing of it may be kept.
 *
 * @param {string} text
 * @param {Set<string>} names Of what is secret, whatever it is called.
 * @returns {string | null}
 */
export function withoutSecretFields(text, names) {
  if (showsToken(text)) return null;
  const parsed = parseJson(text);
  if ("value" in parsed) {
    const kept = empty(parsed.value, (key) => names.has(key) || isSecretName(key));
    return writeJson(kept) === writeJson(parsed.value) ? text : writeJson(kept, 2);
  }
  // Where a field begins and ends in what is no JSON yet, cannot be told.
  return isSecretName(text) || [...names].some((name) => text.includes(name)) ? null : text;
}

/**
 * Returns the texts of a message that its schema calls secret.
 *
 * @param {string} text
 * @param {Set<string>} names
 * @returns {string[]}
 */
export function findSecretTexts(text, names) {
  /** @type {string[]} */
  const found = [];
  if (![...names].some((name) => text.includes(name))) return found;
  const parsed = parseJson(text);
  if ("value" in parsed) empty(parsed.value, (key) => names.has(key), (each) => found.push(each));
  return found;
}

/**
 * Returns a value with empty texts in the place of secret ones, and with zeros.
 *
 * @param {any} value
 * @param {(key: string) => boolean} isSecretKey
 * @param {(text: string) => void} [onfound]
 * @param {boolean} [isInside]
 * @returns {any}
 */
function empty(value, isSecretKey, onfound, isInside = false) {
  if (typeof value === "string" && isInside) {
    onfound?.(value);
    return "";
  }
  if (isInside && (typeof value === "number" || value instanceof RawJson)) {
    onfound?.(writeJson(value));
    return 0;
  }
  if (Array.isArray(value)) return value.map((each) => empty(each, isSecretKey, onfound, isInside));
  if (!isObject(value)) return value;
  const made = {};
  for (const [key, each] of Object.entries(value)) {
    put(made, key, empty(each, isSecretKey, onfound, isInside || isSecretKey(key)));
  }
  return made;
}
