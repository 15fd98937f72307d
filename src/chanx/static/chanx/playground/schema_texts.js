// Patterns and formats as Pydantic takes them. Its patterns are those of Rust or Python, its
// formats are wider than the RFCs that JSON Schema names. What cannot be told is right.

import { validate } from "../vendor/cfworker-json-schema/index.js";

/** @type {Map<string, RegExp | null>} */
const compiled = new Map();

const TOKEN = /\\.|\[(?:\\.|[^\]\\])*\]|\((?:\?(?:[:=!]|<[=!]|<\w+>))?|\)|\||[*+?]\??|\{(\d+)(?:(,)(\d*))?\}\??|[^]/gu;
/** As often as this anything may be repeated: IPv4 addresses have four numbers. */
const MOST_REPEATED = 4;
/** What is repeated and has a divider before or after it, so that there is one way to read it. */
const DIVIDED = /^(\\?[-.,:;/_@# ])?(\[[^\]]*\]|\\[wd])(?:[+*]|\{\d+(?:,\d*)?\})(\\?[-.,:;/_@# ])?$/;

/**
 * Tells whether there may be so many ways to read a text that trying them all takes for ever: what
 * is repeated is itself of several lengths.
 *
 * @param {string} pattern
 */
function isSlow(pattern) {
  const groups = [{ start: 0, isOpen: false }];
  /** @type {{body: string, isOpen: boolean} | null} The group that ends before the token. */
  let last = null;
  for (const { 0: token, 1: least, 2: comma, 3: most, index } of pattern.matchAll(TOKEN)) {
    const group = groups.at(-1);
    if (!group) return true;
    const closed = last;
    last = null;
    if (token === "|") group.isOpen = true;
    else if (token.startsWith("(")) groups.push({ start: index + token.length, isOpen: false });
    else if (token === ")") {
      last = { body: pattern.slice(group.start, index), isOpen: group.isOpen };
      groups.pop();
      const outer = groups.at(-1);
      if (outer) outer.isOpen ||= last.isOpen;
    } else if (/^[*+?]|^\{\d/.test(token)) {
      const count = token.startsWith("?") ? 1 : least === undefined ? Infinity : Number(comma ? most || Infinity : least);
      if (closed?.isOpen && count > MOST_REPEATED && !isDivided(closed.body)) return true;
      if (least === undefined || comma) group.isOpen = true;
    }
  }
  return false;
}

/** @param {string} body */
function isDivided(body) {
  const [, before, characters, after] = DIVIDED.exec(body) ?? [];
  const divider = before ?? after;
  if (characters === undefined || divider === undefined || divider === ".") return false;
  return !new RegExp(characters, "u").test(divider.slice(-1));
}

/**
 * Returns the expression; null: JavaScript has no such syntax, or could take for ever to try it.
 *
 * @param {string} pattern
 * @returns {RegExp | null}
 */
function compilePattern(pattern) {
  let found = compiled.get(pattern);
  if (found === undefined) {
    try {
      const expression = new RegExp(pattern, "u");
      found = isSlow(pattern) ? null : expression;
    } catch {
      found = null;
    }
    compiled.set(pattern, found);
  }
  return found;
}

/**
 * Tells whether a pattern is found in a text, or may be.
 *
 * @param {string} pattern
 * @param {string} text
 */
export function isMatch(pattern, text) {
  const expression = compilePattern(pattern);
  if (!expression || expression.test(text)) return true;
  // In Rust and Python \w, \d, \s and \b know the letters, digits and spaces of all languages.
  if (/\\[wdsb]/i.test(pattern) && /[^\0-\x7f]/.test(text)) return true;
  // In Python $ stands before a line break at the end, too.
  return text.endsWith("\n") && pattern.includes("$") && expression.test(text.slice(0, -1));
}

const TIME = /^(\d\d):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?\s*(?:[zZ]|[+\u2212-]\d\d(?::?\d\d)?)?$/;
const DATE_TIME = /^(\d{4}-\d\d-\d\d)(?:[tT _](.+))?$/;
const TIMESTAMP = /^[+-]?\d+(?:\.\d*)?$/;
const DURATION = /^[+-]?(?:P(?=\d|T\d)(?:\d+(?:[.,]\d+)?[YMWD])*(?:T(?:\d+(?:[.,]\d+)?[HMS])+)?|(?:\d+\s*d(?:ays?)?,?\s*)?(?:\d+:\d\d(?::\d\d(?:[.,]\d+)?)?)?)$/i;
const UUID = /^(?:urn:uuid:)?\{?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\}?$/i;

/** @type {Record<string, (text: string) => boolean>} */
const FORMATS = {
  date: isDate,
  "date-time": isDateTime,
  time: (text) => isTime(text) || TIMESTAMP.test(text),
  duration: (text) => text !== "" && DURATION.test(text),
  email: (text) => /^[^@]+@[^@\s]+$|^.+<.+@.+>$/.test(text.trim()),
  ipv4: (text) => !validate(text, { format: "ipv4" }, "2020-12", {}).errors.length,
  ipv6: (text) => !validate(text.replace(/%.+$/, ""), { format: "ipv6" }, "2020-12", {}).errors.length,
  uri: (text) => /^\s*[a-z][a-z0-9+.-]*:./i.test(text),
  uuid: (text) => UUID.test(text),
};

/**
 * Tells whether a text may be of a format. What it does not know, it lets pass.
 *
 * @param {string} format
 * @param {string} text
 */
export function isOfFormat(format, text) {
  return Object.hasOwn(FORMATS, format) ? (FORMATS[format]?.(text) ?? true) : true;
}

/** @param {string} text */
function isDate(text) {
  if (TIMESTAMP.test(text)) return true;
  const [, day, time] = DATE_TIME.exec(text) ?? [];
  return day !== undefined && isDay(day) && (time === undefined || isTime(time));
}

/** @param {string} text */
function isDateTime(text) {
  return isDate(text);
}

/** @param {string} text */
function isDay(text) {
  return !validate(text, { format: "date" }, "2020-12", {}).errors.length && !text.startsWith("0000");
}

/** @param {string} text */
function isTime(text) {
  const [, hour, minute, second = 0] = TIME.exec(text) ?? [];
  return hour !== undefined && Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60;
}
