// What may be kept of a message that was not sent: none of what its keys call a secret.

import { showsToken } from "./credentials.js";
import { isSecretName } from "./endpoints.js";
import { isObject, parseJson, put, writeJson } from "./schema_json.js";

/**
 * Returns a draft without secrets; null: nothing of it may be kept.
 *
 * @param {string} text
 * @returns {string | null}
 */
export function withoutSecretFields(text) {
  if (showsToken(text)) return null;
  const parsed = parseJson(text);
  // Where a field begins and ends in what is no JSON yet, cannot be told.
  if (!("value" in parsed)) return isSecretName(text) ? null : text;
  const kept = empty(parsed.value, false);
  return writeJson(kept) === writeJson(parsed.value) ? text : writeJson(kept, 2);
}

/**
 * @param {any} value
 * @param {boolean} isSecret
 * @returns {any}
 */
function empty(value, isSecret) {
  if (typeof value === "string") return isSecret ? "" : value;
  if (Array.isArray(value)) return value.map((each) => empty(each, isSecret));
  if (!isObject(value)) return value;
  const made = {};
  for (const [key, each] of Object.entries(value)) put(made, key, empty(each, isSecret || isSecretName(key)));
  return made;
}
