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
    const words = error instanceof Error ? error.message : "";
    const before = text.slice(0, Number(/position (\d+)/.exec(words)?.[1] ?? text.length)).split("\n");
    const column = (before.at(-1)?.length ?? 0) + 1;
    return { problem: { text: "This is no JSON.", line: before.length, column } };
  }
}
