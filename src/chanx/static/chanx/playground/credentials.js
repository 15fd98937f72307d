// How a connection says who it is for. Tokens are arguments here: nothing keeps them.

import { MASK, encodeBase64Url } from "./secrets.js";

/** @typedef {import("./types.js").AuthKind} AuthKind */
/** @typedef {import("./types.js").Endpoint} Endpoint */

const HIDDEN = `${MASK} (not shown: it may hold a token)`;

/** @type {Record<AuthKind, string>} */
export const KINDS = {
  session: "This browser’s session",
  subprotocol: "Token as a subprotocol",
  message: "Token in the first message",
  query: "Token in the query string",
};

/**
 * Tells whether an endpoint takes credentials of a kind; null: not known.
 *
 * @param {Endpoint} endpoint
 * @param {AuthKind} kind
 */
export function isTaken(endpoint, kind) {
  if (!endpoint.is_described) return null;
  if (kind === "session") return endpoint.security.some((each) => each.kind === "session");
  return endpoint.security.some((each) => each.kind === "token" && each.location === kind);
}

/**
 * Tells whether an endpoint asks nobody who they are.
 *
 * @param {Endpoint} endpoint
 */
export function isOpen(endpoint) {
  return endpoint.is_described && !endpoint.needs_login && !endpoint.security.length;
}

/**
 * Returns what a kind is called at an endpoint.
 *
 * @param {Endpoint} endpoint
 * @param {AuthKind} kind
 */
export function nameKind(endpoint, kind) {
  return kind === "session" && isOpen(endpoint) ? "No login" : KINDS[kind];
}

/**
 * Returns the name of the query parameter that a token may stand in.
 *
 * @param {Endpoint} endpoint
 */
export function getTokenParameter(endpoint) {
  return endpoint.security.find((each) => each.location === "query")?.parameter ?? "token";
}

/**
 * Returns the subprotocols to offer.
 *
 * @param {Endpoint} endpoint
 * @param {{kind: AuthKind, token: string, answersPings: boolean, own: string}} choice
 */
export function makeProtocols(endpoint, { kind, token, answersPings, own }) {
  // A consumer that selects none of those offered is one that browsers do not connect to.
  if (!endpoint.is_described) {
    return [...new Set(own.split(",").map((each) => each.trim()).filter(Boolean))];
  }
  const protocols = ["chanx"];
  if (answersPings && endpoint.subprotocols.includes("chanx.heartbeat")) {
    protocols.push("chanx.heartbeat");
  }
  if (kind === "subprotocol" && token) protocols.push(`chanx.bearer.${encodeBase64Url(token)}`);
  return protocols;
}

/**
 * @param {string} actionKey
 * @param {string} token
 */
export function makeAuthenticate(actionKey, token) {
  return JSON.stringify({ [actionKey]: "authenticate", payload: { token } });
}

/**
 * Tells whether a text may be a message that shows a token; one that is no JSON counts if it has
 * the word.
 *
 * @param {string} text
 */
export function showsToken(text) {
  return /authenticate/i.test(text) || (text.includes("\\u") && /authenticate/i.test(decodeEscapes(text)));
}

/** @param {string} text */
function decodeEscapes(text) {
  return text.replace(/\\u([0-9a-f]{4})/gi, (_, code) => String.fromCharCode(parseInt(code, 16)));
}

/**
 * Returns a message of the user's as it may be shown, and the token that it shows to the server.
 *
 * @param {string} text
 * @returns {{text: string, token: string | null}}
 */
export function maskAuthenticate(text) {
  if (!showsToken(text)) return { text, token: null };
  try {
    const value = JSON.parse(text);
    const token = value?.payload?.token;
    if (typeof token !== "string") {
      const isMeant = Object.values(value ?? {}).some((each) => /^authenticate$/i.test(String(each)));
      return { text: isMeant ? HIDDEN : text, token: null };
    }
    value.payload.token = MASK;
    return { text: JSON.stringify(value), token };
  } catch {
    return { text: HIDDEN, token: null };
  }
}
