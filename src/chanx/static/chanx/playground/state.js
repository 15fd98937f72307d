// What is kept: the first connection in the URL, all of them in the storages. Tokens are in
// none of them, nor is anything whose name says that it may be a secret.

import { withoutSecretFields } from "./drafts.js";
import { isSecretName } from "./endpoints.js";

/** @typedef {import("./types.js").Settings} Settings */

const VERSION = 1;
export const MOST_CONNECTIONS = 12;
const MOST_ROWS = 100;
const LONGEST_TEXT = 100_000;
const LONGEST_SUBPROTOCOL = 40;
const AUTH = ["session", "subprotocol", "message", "query"];

/** Of this page: other sites on the same host have others. */
const KEY = `chanx.playground.${location.pathname}`;

/** A tab's own, which its reload finds, and what a new tab begins with. */
const STORAGES = /** @type {const} */ (["sessionStorage", "localStorage"]);

/**
 * Returns settings with nothing chosen.
 *
 * @returns {Settings}
 */
export function makeSettings() {
  return {
    endpoint: "",
    parameters: {},
    query: [],
    auth: "session",
    subprotocols: "",
    reconnects: false,
    answersPings: false,
    isFolded: false,
    mode: "form",
    message: "",
    drafts: {},
  };
}

/**
 * Returns the connections that were saved, as far as they can be read.
 *
 * @returns {Settings[]}
 */
export function readSaved() {
  return readFrom("sessionStorage") ?? readFrom("localStorage") ?? [];
}

/**
 * @param {typeof STORAGES[number]} storage
 * @returns {Settings[] | null}
 */
function readFrom(storage) {
  try {
    const saved = JSON.parse(window[storage].getItem(KEY) ?? "null");
    if (saved?.version === VERSION && Array.isArray(saved.connections)) {
      return saved.connections.slice(0, MOST_CONNECTIONS).map(clean);
    }
  } catch {
    // The browser gives no storage, or something else was stored.
  }
  return null;
}

/** @param {Settings[]} connections With no secret in them. */
export function writeSaved(connections) {
  const text = JSON.stringify({ version: VERSION, connections });
  for (const storage of STORAGES) {
    try {
      window[storage].setItem(KEY, text);
    } catch {
      // Full or forbidden: the page works without it.
    }
  }
}

/**
 * @param {any} raw
 * @returns {Settings}
 */
function clean(raw) {
  const made = makeSettings();
  if (typeof raw !== "object" || raw === null) return made;
  return {
    endpoint: toText(raw.endpoint),
    parameters: toTexts(raw.parameters),
    query: (Array.isArray(raw.query) ? raw.query : [])
      .filter(Array.isArray)
      .slice(0, MOST_ROWS)
      .map((/** @type {unknown[]} */ row) => [toText(row[0]), toText(row[1])]),
    auth: toAuth(raw.auth),
    subprotocols: toText(raw.subprotocols),
    reconnects: raw.reconnects === true,
    answersPings: raw.answersPings === true,
    isFolded: raw.isFolded === true,
    mode: raw.mode === "json" ? "json" : "form",
    message: toText(raw.message),
    drafts: toTexts(raw.drafts),
  };
}

/** @param {unknown} value */
const toText = (value) => (typeof value === "string" && value.length <= LONGEST_TEXT ? value : "");

/**
 * @param {unknown} value
 * @returns {Settings["auth"]}
 */
function toAuth(value) {
  const found = /** @type {Settings["auth"]} */ (value);
  return AUTH.includes(found) ? found : "session";
}

/**
 * @param {unknown} value
 * @returns {Record<string, string>}
 */
function toTexts(value) {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value)
      .filter((entry) => toText(entry[1]))
      .slice(-200),
  );
}

/**
 * Returns what may be kept of settings.
 *
 * @param {Settings} settings
 * @param {import("./secrets.js").Secrets} secrets
 * @returns {Settings}
 */
export function withoutSecrets(settings, secrets) {
  const { parameters, query, drafts } = settings;
  const isKept = (/** @type {[string, string]} */ [name, value]) =>
    !isSecretName(name) && !secrets.names.has(name) && !secrets.areIn(value);
  return {
    ...settings,
    parameters: Object.fromEntries(Object.entries(parameters).filter(isKept)),
    query: query.filter(isKept),
    subprotocols: mayKeepSubprotocols(settings.subprotocols) ? settings.subprotocols : "",
    drafts: Object.fromEntries(
      Object.entries(drafts)
        .filter(([, text]) => text.length <= LONGEST_TEXT)
        .map(([key, text]) => [key, withoutSecretFields(text, secrets.names) ?? ""])
        .filter(([, text = ""]) => text && !secrets.areIn(text)),
    ),
  };
}

/**
 * Tells whether none of the subprotocols looks like a token, or like the word before one.
 *
 * @param {string} subprotocols
 */
export function mayKeepSubprotocols(subprotocols) {
  const all = subprotocols.split(",").map((each) => each.trim());
  return all.every(
    (each) => each.length <= LONGEST_SUBPROTOCOL && !isSecretName(each) && !each.startsWith("chanx.bearer."),
  );
}

/**
 * Returns what the URL says of the first connection; null: nothing.
 *
 * @param {string} search
 * @returns {Pick<Settings, "endpoint" | "parameters" | "query" | "auth"> | null}
 */
export function readUrl(search) {
  const given = new URLSearchParams(search);
  const endpoint = given.get("endpoint");
  if (!endpoint) return null;
  /** @type {Record<string, string>} */
  const parameters = {};
  /** @type {[string, string][]} */
  const query = [];
  for (const [key, value] of given) {
    const name = key.slice(2);
    if (!name || isSecretName(name)) continue;
    if (key.startsWith("p.")) parameters[name] = value;
    if (key.startsWith("q.") && query.length < MOST_ROWS) query.push([name, value]);
  }
  return { endpoint, parameters: toTexts(parameters), query, auth: toAuth(given.get("auth")) };
}

/**
 * Returns the query string, with its "?", that shows the first connection to others.
 *
 * @param {Settings} settings As they are kept.
 */
export function makeSearch({ endpoint, parameters, query, auth }) {
  const made = new URLSearchParams({ endpoint });
  for (const [name, value] of Object.entries(parameters)) if (value) made.append(`p.${name}`, value);
  for (const [name, value] of query) if (name) made.append(`q.${name}`, value);
  if (auth !== "session") made.append("auth", auth);
  return `?${made}`;
}
