// What is said of a connection: its state in a word, and why it ended in sentences.

import { append, h } from "../dom.js";
import { HANDSHAKE_CAUSES, explainClose, explainRefusal, getCodeName } from "./closing.js";

/** @typedef {import("./types.js").AuthKind} AuthKind */
/** @typedef {import("./types.js").PageData} PageData */
/** @typedef {import("./socket.js").Socket} Socket */
/** @typedef {{status: number, text: string, detail: string}} AuthResult */

/**
 * Returns the state, and which sort of badge it gets.
 *
 * @param {Socket} socket
 * @param {AuthResult | null} auth
 * @param {boolean} isAuthExpected
 * @returns {{text: string, kind: "" | "good" | "warn" | "bad"}}
 */
export function describeState(socket, auth, isAuthExpected) {
  switch (socket.phase) {
    case "connecting":
      return { text: "Connecting…", kind: "warn" };
    case "open":
      if (!auth) return { text: isAuthExpected ? "Authenticating…" : "Connected", kind: isAuthExpected ? "warn" : "good" };
      if (auth.status === 200) return { text: `Connected · ${auth.status} ${auth.text}`, kind: "good" };
      return { text: `Refused · ${auth.status} ${auth.text}`, kind: "bad" };
    case "closing":
      return { text: "Closing…", kind: "warn" };
    case "waiting": {
      const seconds = Math.max(Math.ceil((socket.retryAt - Date.now()) / 1000), 0);
      return { text: `Lost · attempt ${socket.attempts} in ${seconds} s`, kind: "warn" };
    }
    default:
      return describeEnd(socket, auth);
  }
}

/**
 * @param {Socket} socket
 * @param {AuthResult | null} auth
 * @returns {{text: string, kind: "" | "bad"}}
 */
function describeEnd({ close }, auth) {
  if (!close) return { text: "Not connected", kind: "" };
  if (close.wasAsked) return { text: "Closed", kind: "" };
  if (auth && auth.status !== 200) return { text: `Refused · ${close.code}`, kind: "bad" };
  if (!close.wasOpen) return { text: "Handshake failed", kind: "bad" };
  return { text: `Closed · ${close.code}`, kind: close.code === 1000 ? "" : "bad" };
}

/**
 * Returns why the connection ended, or null where there is nothing to say.
 *
 * @param {Socket} socket
 * @param {AuthResult | null} auth
 * @param {PageData} data
 * @param {{kind: AuthKind, hasToken: boolean}} choice
 * @returns {{title: string, parts: HTMLElement[]} | null}
 */
export function explain(socket, auth, data, choice) {
  const { close, phase } = socket;
  if (phase === "open" && auth && auth.status !== 200) return explainAuth(auth, data, choice);
  if (!close || close.wasAsked || (phase !== "idle" && phase !== "waiting")) return null;
  if (!close.wasOpen) return explainHandshake(phase === "waiting");
  const found = auth && auth.status !== 200 ? explainAuth(auth, data, choice) : null;
  const name = getCodeName(close.code);
  const line = h("p", {}, h("strong", {}, `Close code ${close.code}${name && ` ${name}`}. `), explainClose(close, data.close_codes));
  if (close.reason) append(line, " Reason given: ", h("q", {}, close.reason));
  if (found) return { title: found.title, parts: [...found.parts, line] };
  return { title: "", parts: [line] };
}

/**
 * Returns what became of a fresh token that was refused.
 *
 * @param {Socket} socket
 * @param {AuthResult | null} renewed
 */
export function explainRenewal({ phase }, renewed) {
  if (phase !== "open" || !renewed || renewed.status === 200) return null;
  const title = `The fresh token was refused: ${renewed.status} ${renewed.text}`;
  const parts = [h("p", {}, "The connection keeps the identity that it had, until that ends.")];
  if (renewed.detail) parts.push(h("p", {}, "The server says: ", h("q", {}, renewed.detail)));
  return { title, parts };
}

/**
 * @param {AuthResult} auth
 * @param {PageData} data
 * @param {{kind: AuthKind, hasToken: boolean}} choice
 */
function explainAuth({ status, text, detail }, data, choice) {
  const advice = h("p", {});
  const words = explainRefusal(status, choice).split(/\[(.*)\]/);
  words.forEach((word, index) => {
    const isLink = index % 2 === 1 && data.login_url !== null;
    append(advice, isLink ? h("a", { href: data.login_url }, word) : word);
  });
  const parts = [advice];
  if (detail) parts.push(h("p", {}, "The server says: ", h("q", {}, detail)));
  return { title: `${status} ${text}`, parts };
}

/** @param {boolean} isRetried */
function explainHandshake(isRetried) {
  return {
    title: isRetried ? "The server does not answer" : "The handshake failed",
    parts: [
      h("p", {}, "Close code 1006: the browser does not tell scripts why. It can be one of these:"),
      h("ul", {}, HANDSHAKE_CAUSES.map((cause) => h("li", {}, cause))),
      h("p", {}, "The log of the server and the Network panel of the browser’s developer tools (F12) show the HTTP status."),
    ],
  };
}
