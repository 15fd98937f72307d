// Stands in the place of the module that reads JSON Schema.

import { Validator } from "../vendor/cfworker-json-schema/index.js";

/**
 * @param {string} name
 * @param {Record<string, any>} definitions
 * @returns {(value: any) => {path: (string | number)[], text: string}[]}
 */
export function makeValidator(name, definitions) {
  const validator = new Validator({ $ref: `#/$defs/${name}`, $defs: definitions }, "2020-12", false);
  return (value) =>
    validator.validate(value).errors.slice(-1).map((each) => ({
      path: each.instanceLocation.split("/").slice(1),
      text: each.error,
    }));
}

/**
 * @param {string} text
 * @returns {{value: any} | {problem: {text: string, line: number, column: number}}}
 */
export function parseJson(text) {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { problem: { text: String(error), line: 1, column: 1 } };
  }
}
