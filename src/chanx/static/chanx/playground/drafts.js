// What may be kept of a message that was not sent: none of what its keys or its schema call a secret.

import { showsToken } from "./credentials.js";
import { isSecretName } from "./endpoints.js";
import { isObject, parseJson, put, writeJson } from "./schema_json.js";
import { isNumeric, isSecret } from "./schema_shape.js";
import { MASK } from "./secrets.js";

/**
 * Returns the names of all properties that schemas say are secret.
 *
 * @param {any} definitions
 * @returns {Set<string>}
 */
export function findSecretNames(definitions) {
  /** @type {Set<string>} */
  const names = new Set();
  /**
   * @param {any} schema
   * @param {string | null} name Of the property that it is of.
   */
  const look = (schema, name) => {
    if (Array.isArray(schema)) for (const each of schema) look(each, name);
    if (!isObject(schema)) return;
    const target = definitions?.[String(schema.$ref).replace("#/$defs/", "")];
    if (name !== null && (isSecret(schema) || (isObject(target) && isSecret(target)))) names.add(name);
    for (const [key, each] of Object.entries(schema)) {
      if (key !== "properties") look(each, name);
      else if (isObject(each)) for (const [inner, property] of Object.entries(each)) look(property, inner);
    }
  };
  look(definitions, null);
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
    const isSecretKey = (/** @type {string} */ key) => names.has(key) || isSecretName(key);
    const kept = replace(parsed.value, isSecretKey, (each) => (typeof each === "string" ? "" : 0));
    return writeJson(kept) === writeJson(parsed.value) ? text : writeJson(kept, 2);
  }
  // Where a field begins and ends in what is no JSON yet, cannot be told.
  return isSecretName(text) || [...names].some((name) => text.includes(name)) ? null : text;
}

/**
 * Masks what the schema of a message calls secret, and tells what it was.
 *
 * @param {string} text
 * @param {Set<string>} names
 * @returns {{shown: string, found: string[]}}
 */
export function maskSecretFields(text, names) {
  /** @type {string[]} */
  const found = [];
  const parsed = [...names].some((name) => text.includes(name)) ? parseJson(text) : {};
  if (!("value" in parsed)) return { shown: text, found };
  const shown = replace(parsed.value, (key) => names.has(key), (each) => {
    found.push(typeof each === "string" ? each : writeJson(each));
    return MASK;
  });
  return { shown: found.length ? writeJson(shown) : text, found };
}

/**
 * Returns a value with something else in the place of texts and numbers under secret keys.
 *
 * @param {any} value
 * @param {(key: string) => boolean} isSecretKey
 * @param {(value: any) => unknown} change
 * @param {boolean} [isInside]
 * @returns {any}
 */
function replace(value, isSecretKey, change, isInside = false) {
  if (typeof value === "string" || isNumeric(value)) return isInside ? change(value) : value;
  if (Array.isArray(value)) return value.map((each) => replace(each, isSecretKey, change, isInside));
  if (!isObject(value)) return value;
  const made = {};
  for (const [key, each] of Object.entries(value)) {
    put(made, key, replace(each, isSecretKey, change, isInside || isSecretKey(key)));
  }
  return made;
}
