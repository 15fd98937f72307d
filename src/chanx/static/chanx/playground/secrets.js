// Tokens that the page knows of, so that it shows and keeps them nowhere. They are in memory alone.

/** What stands in the place of a token wherever text is shown. */
export const MASK = "•••";

/** Shorter ones are words, which stand in messages by themselves. */
const SHORTEST = 6;
/** Longer ones are looked for as they are: an expression of all spellings would be too large. */
const LONGEST_SPELLED = 10_000;

/** Of the whole page: what one connection has sent may come back over another. */
export class Secrets {
  /** @type {Map<string, RegExp>} The longest first. */
  found = new Map();
  /** @type {Set<string>} Names of what messages hold that is secret. */
  names = new Set();

  /** @param {string} secret As it is sent, maybe with the word that tells its kind before it. */
  add(secret) {
    const [, rest = ""] = /^\S+\s+(.+)$/.exec(secret) ?? [];
    for (const each of [secret, rest]) {
      if (each.length >= SHORTEST && !this.found.has(each)) this.found.set(each, makeExpression(each));
    }
    this.found = new Map([...this.found].sort(([one], [other]) => other.length - one.length));
  }

  /** @param {string} text */
  mask(text) {
    let shown = text;
    for (const expression of this.found.values()) shown = shown.replace(expression, MASK);
    return shown;
  }

  /** @param {string} text */
  areIn(text) {
    return this.mask(text) !== text;
  }
}

/** @param {string} text */
export function encodeBase64Url(text) {
  return encodeBase64(text).replaceAll("+", "-").replaceAll("/", "_");
}

/** @param {string} text */
function encodeBase64(text) {
  const bytes = Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte));
  return btoa(bytes.join("")).replaceAll("=", "");
}

/**
 * Returns what finds a secret however JSON, URLs, headers and hexadecimal digits spell it.
 *
 * @param {string} secret
 */
function makeExpression(secret) {
  const spelled = secret.length > LONGEST_SPELLED ? escape(secret) : Array.from(secret, spell).join("");
  const hex = toHex(secret).join(" ");
  const all = [spelled, escape(encodeBase64(secret)), escape(encodeBase64Url(secret)), hex];
  return new RegExp(all.join("|"), "g");
}

/** @param {string} character */
function spell(character) {
  const units = character.split("").map((unit) => unit.charCodeAt(0).toString(16).padStart(4, "0"));
  const plain = /["/\\]/.test(character) ? `\\\\?${escape(character)}` : escape(character);
  const percents = toHex(character).map((byte) => `%${ignoreCase(byte)}`);
  const spellings = [plain, units.map((unit) => `\\\\u${ignoreCase(unit)}`).join(""), percents.join("")];
  if (character === " ") spellings.push("\\+");
  return `(?:${spellings.join("|")})`;
}

/** @param {string} text */
const toHex = (text) =>
  Array.from(new TextEncoder().encode(text), (byte) => byte.toString(16).padStart(2, "0"));

/** @param {string} digits */
const ignoreCase = (digits) => digits.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);

/** @param {string} text */
const escape = (text) => text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
