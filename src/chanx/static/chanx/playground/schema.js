// Reading JSON Schema: what the composer of the playground needs of it.

import { findProblems } from "./schema_check.js";
import { take } from "./schema_json.js";

export { parseJson, RawJson, writeJson } from "./schema_json.js";
export { resolve } from "./schema_shape.js";

/** @typedef {import("./schema_shape.js").Definitions} Definitions */
/** @typedef {import("./schema_shape.js").Problem} Problem */

/**
 * Returns what says what is wrong with a value, in plain words; nothing: it is right as far as the
 * schema tells. Never throws.
 *
 * @param {string} name Of the definition.
 * @param {Definitions} definitions
 * @returns {(value: any) => Problem[]}
 */
export function makeValidator(name, definitions) {
  const schema = take(definitions, name) ?? {};
  return (value) => findProblems(value, schema, definitions);
}
