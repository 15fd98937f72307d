// JSON as a text: indented and coloured without being parsed, so that no number changes.

const TOKEN = /\s+|"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]|[^\s"{}[\],:]+|"/gy;

/** Lines of what is nested deeper are not moved further: they would be nothing but spaces. */
const DEEPEST = 50;

/**
 * @typedef {object} Piece
 * @property {string} text
 * @property {"" | "key" | "string" | "number" | "word"} kind
 */

/**
 * Returns the text with line breaks and indentation of its own.
 *
 * @param {string} text Valid JSON.
 * @returns {string}
 */
export function indent(text) {
  return cut(text)
    .map((piece) => piece.text)
    .join("");
}

/**
 * Returns the indented text in pieces of one colour.
 *
 * @param {string} text Valid JSON.
 * @returns {Piece[]}
 */
export function cut(text) {
  const tokens = (text.match(TOKEN) ?? []).filter((token) => token.trim() !== "");
  /** @type {Piece[]} */
  const pieces = [];
  let depth = 0;
  const newline = () => pieces.push({ text: `\n${"  ".repeat(Math.min(depth, DEEPEST))}`, kind: "" });
  tokens.forEach((token, index) => {
    const next = tokens[index + 1];
    if (token === "{" || token === "[") {
      pieces.push({ text: token, kind: "" });
      if (next === "}" || next === "]") return;
      depth += 1;
      newline();
    } else if (token === "}" || token === "]") {
      const before = tokens[index - 1];
      if (before !== "{" && before !== "[") {
        depth = Math.max(depth - 1, 0);
        newline();
      }
      pieces.push({ text: token, kind: "" });
    } else if (token === ",") {
      pieces.push({ text: token, kind: "" });
      newline();
    } else if (token === ":") {
      pieces.push({ text: ": ", kind: "" });
    } else {
      pieces.push({ text: token, kind: getKind(token, next) });
    }
  });
  return pieces;
}

/**
 * @param {string} token
 * @param {string | undefined} next
 * @returns {Piece["kind"]}
 */
function getKind(token, next) {
  if (token.startsWith('"')) return next === ":" ? "key" : "string";
  return /^[-\d]/.test(token) ? "number" : "word";
}

/** @param {string} text */
export function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
