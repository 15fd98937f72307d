// JSON in which no number changes: those that JavaScript would write in another way are kept as
// they were written (9007199254740993, 1.0, 1e5).

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\n\r]*/y;
const WORD = /true|false|null/y;
const WHOLE_NUMBER = new RegExp(`^${NUMBER.source}$`);

/**
 * @typedef {{text: string, line: number, column: number}} JsonProblem
 * Lines and columns count from 1.
 */

/**
 * A piece of JSON as it was written: a number, or what somebody is still writing and is no JSON yet.
 *
 * `JSON.stringify` writes the numbers right where the browser has `JSON.rawJSON`; writeJson always
 * does.
 */
export class RawJson {
  /** @param {string} source */
  constructor(source) {
    this.source = source;
  }

  get isNumber() {
    return isNumber(this.source);
  }

  /** For what compares and calculates: as near as JavaScript comes. */
  valueOf() {
    return Number(this.source);
  }

  toString() {
    return this.source;
  }

  toJSON() {
    if (!this.isNumber) return this.source;
    const { rawJSON } = /** @type {any} */ (JSON);
    return typeof rawJSON === "function" ? rawJSON(this.source) : Number(this.source);
  }
}

/** @param {string} text */
export function isNumber(text) {
  return WHOLE_NUMBER.test(text);
}

/**
 * Returns a number that is written as it was.
 *
 * @param {string} source
 * @returns {number | RawJson}
 */
export function readNumber(source) {
  const value = Number(source);
  return JSON.stringify(value) === source ? value : new RawJson(source);
}

/**
 * Returns a number that calculates, but for whole ones that JavaScript does not have.
 *
 * @param {string} source
 * @returns {number | RawJson}
 */
function readPlainNumber(source) {
  const value = Number(source);
  const isExact = !/^-?\d+$/.test(source) || Number.isSafeInteger(value);
  return isExact ? value : readNumber(source);
}

/**
 * Tells whether a value is an object of JSON.
 *
 * @param {any} value
 * @returns {value is Record<string, any>}
 */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof RawJson);
}

/**
 * Returns the JSON of a value; what is no JSON yet stands in it as it is.
 *
 * @param {any} value
 * @param {number} [indent] Spaces per level; none: all in one line.
 * @param {string} [start] What stands before the lines of this level.
 * @returns {string}
 */
export function writeJson(value, indent = 0, start = "\n") {
  if (value instanceof RawJson) return value.source;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const inner = start + " ".repeat(indent);
  const isList = Array.isArray(value);
  const parts = isList
    ? value.map((each) => writeJson(each, indent, inner))
    : Object.keys(value).map(
        (key) => `${JSON.stringify(key)}:${indent ? " " : ""}${writeJson(value[key], indent, inner)}`,
      );
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  if (!parts.length) return open + close;
  return indent ? `${open}${inner}${parts.join(`,${inner}`)}${start}${close}` : `${open}${parts.join(",")}${close}`;
}

/**
 * Sets a key of an object, whatever its name.
 *
 * @param {Record<string, any>} object
 * @param {string} key
 * @param {any} value
 */
export function put(object, key, value) {
  Object.defineProperty(object, key, { value, configurable: true, enumerable: true, writable: true });
}

/**
 * Returns what stands under a key; undefined: nothing does, whatever objects inherit.
 *
 * @param {any} object
 * @param {string | number} key
 */
export function take(object, key) {
  return typeof object === "object" && object !== null && Object.hasOwn(object, key) ? object[key] : undefined;
}

/**
 * Tells whether two values are written the same, but for the order of keys.
 *
 * @param {any} one
 * @param {any} other
 * @returns {boolean}
 */
export function isEqual(one, other) {
  if (Array.isArray(one)) {
    return Array.isArray(other) && one.length === other.length && one.every((each, index) => isEqual(each, other[index]));
  }
  if (isObject(one)) {
    const keys = Object.keys(one);
    return (
      isObject(other) &&
      keys.length === Object.keys(other).length &&
      keys.every((key) => Object.hasOwn(other, key) && isEqual(one[key], other[key]))
    );
  }
  return writeJson(one) === writeJson(other);
}

/**
 * Reads the data of a page, in which schemas and examples may hold large numbers.
 *
 * @param {string} text
 */
export function readData(text) {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const found = parseJson(text, readPlainNumber);
  if ("problem" in found) throw new SyntaxError(found.problem.text);
  return found.value;
}

/**
 * Returns a copy of a value.
 *
 * @param {any} value
 */
export function copyJson(value) {
  return readData(writeJson(value));
}

/**
 * Reads JSON. Never throws.
 *
 * @param {string} text
 * @param {(source: string) => number | RawJson} [read] Reads a number.
 * @returns {{value: any} | {problem: JsonProblem}}
 */
export function parseJson(text, read = readNumber) {
  const reader = new Reader(text, read);
  try {
    const value = reader.readValue();
    reader.skipSpace();
    if (reader.at < text.length) reader.fail("Nothing may follow the end of the JSON");
    return { value };
  } catch (error) {
    const said = error instanceof JsonError ? error.message : "This is nested too deeply";
    const lines = text.slice(0, reader.at).split("\n");
    return { problem: { text: said, line: lines.length, column: (lines.at(-1) ?? "").length + 1 } };
  }
}

class JsonError extends Error {}

class Reader {
  at = 0;

  /**
   * @param {string} text
   * @param {(source: string) => number | RawJson} read
   */
  constructor(text, read) {
    this.text = text;
    this.read = read;
  }

  /**
   * @param {string} text
   * @returns {never}
   */
  fail(text) {
    throw new JsonError(this.at >= this.text.length && this.text.trim() ? `${text}, but the text ends here` : text);
  }

  /** @param {RegExp} expression */
  match(expression) {
    expression.lastIndex = this.at;
    const found = expression.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  skipSpace() {
    this.match(SPACE);
    return this.text[this.at];
  }

  /** @returns {any} */
  readValue() {
    const first = this.skipSpace();
    if (first === "{") return this.readObject();
    if (first === "[") return this.readArray();
    if (first === '"') return this.readString();
    const word = this.match(WORD);
    if (word) return JSON.parse(word);
    const number = this.match(NUMBER);
    if (number) return this.read(number);
    if (first === "'") this.fail('Texts stand in double quotes: "…"');
    if (first === undefined && !this.text.trim()) this.fail("There is no JSON yet");
    return this.fail("Here a value is expected");
  }

  /** @returns {string} */
  readString() {
    const found = this.match(STRING);
    if (found) return JSON.parse(found);
    const good = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;
    this.match(good);
    const next = this.text[this.at];
    if (next === "\\") this.fail("This is no escape that JSON knows; a backslash is written \\\\");
    return this.fail(next === "\n" ? "The text has no closing quote; a line break is written \\n" : "The text has no closing quote");
  }

  /** @returns {any[]} */
  readArray() {
    this.at += 1;
    /** @type {any[]} */
    const made = [];
    if (this.skipSpace() === "]") this.at += 1;
    else {
      do made.push(this.readValue());
      while (this.goesOn("]"));
    }
    return made;
  }

  /** @returns {Record<string, any>} */
  readObject() {
    this.at += 1;
    const made = {};
    if (this.skipSpace() === "}") this.at += 1;
    else {
      do {
        if (this.skipSpace() !== '"') this.fail("Here a key in double quotes is expected");
        const key = this.readString();
        if (this.skipSpace() !== ":") this.fail("Here a colon is expected");
        this.at += 1;
        put(made, key, this.readValue());
      } while (this.goesOn("}"));
    }
    return made;
  }

  /** @param {string} end */
  goesOn(end) {
    const next = this.skipSpace();
    if (next !== "," && next !== end) this.fail(`Here a comma or ${end} is expected`);
    this.at += 1;
    if (next === "," && this.skipSpace() === end) this.fail(`After the last one stands no comma`);
    return next === ",";
  }
}
