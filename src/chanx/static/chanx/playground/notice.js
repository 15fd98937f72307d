// What is said of a connection: its state in a word, and why it ended in sentences.

import { append, h } from "../dom.js";
import { makeLoginLink } from "./auth_view.js";
import { HANDSHAKE_CAUSES, explainClose, explainRefusal, getCodeName } from "./closing.js";

/** @typedef {import("./closing.js").Choice} Choice */
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
      if (auth.status === 200) return { text: "Connected", kind: "good" };
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

/** @typedef {{title: string, parts: HTMLElement[], isWarning?: boolean}} Found */

/**
 * Returns why the connection ended, or null where there is nothing to say.
 *
 * @param {Socket} socket
 * @param {PageData} data
 * @param {object} known
 * @param {AuthResult | null} known.auth
 * @param {AuthResult | null} known.renewed What was said of the identity since.
 * @param {string} known.error The server's, if it was the last thing that the server said.
 * @param {Choice} known.choice
 * @returns {Found | null}
 */
export function explain(socket, data, { auth, renewed, error, choice }) {
  const { close, phase } = socket;
  // An identity that has ended is told of as one that was never taken.
  const last = renewed && close?.code === 4000 + renewed.status ? renewed : auth;
  const refused = last && last.status !== 200 ? explainAuth(last, data, choice) : null;
  if (phase === "open") return refused;
  if (!close || close.wasAsked || (phase !== "idle" && phase !== "waiting")) return null;
  if (!close.wasOpen) return explainHandshake(phase === "waiting");
  const name = getCodeName(close.code);
  const line = h("p", {}, h("strong", {}, `Close code ${close.code}${name && ` ${name}`}. `));
  // Who was refused was told why, and the code has nothing to add.
  if (!refused) append(line, explainClose(close, data.close_codes));
  if (close.reason) append(line, " Reason given: ", h("q", {}, close.reason));
  if (refused) return { title: refused.title, parts: [...refused.parts, line] };
  const said = error && h("p", {}, "The last message was an error: ", h("q", {}, error));
  return { title: "", parts: said ? [said, line] : [line] };
}

/**
 * Returns what a server waits for that has let in nobody yet; null: nothing that is known.
 *
 * @param {PageData} data
 * @param {import("./types.js").Endpoint} endpoint
 * @param {Choice} choice
 * @returns {Found | null}
 */
export function explainWaiting(data, { security }, { kind, hasToken }) {
  const mayComeLater = security.some((each) => each.location === "message");
  if (!mayComeLater || (kind === "session" ? data.user !== null : hasToken)) return null;
  const advice = explainRefusal(408, { kind, hasToken }, data.user);
  const parts = [link(advice, data), h("p", {}, "Disconnect to change the settings.")];
  return { title: "The server waits for a token", parts, isWarning: true };
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
 * @param {Choice} choice
 */
function explainAuth({ status, text, detail }, data, choice) {
  const said = detail && h("p", {}, "The server says: ", h("q", {}, detail));
  const advice = link(explainRefusal(status, choice, data.user), data);
  return { title: `${status} ${text}`, parts: said ? [said, advice] : [advice] };
}

/**
 * Returns a paragraph in which “[Log in]” is a link, if it leads anywhere.
 *
 * @param {string} text
 * @param {PageData} data
 */
function link(text, data) {
  const { login_url: url } = data;
  const words = text.split(/\[(Log in)\]/);
  return h("p", {}, words.map((word, index) => (index % 2 && url !== null ? makeLoginLink(url, word) : word)));
}

/** @param {boolean} isRetried */
function explainHandshake(isRetried) {
  const causes = [
    h("p", {}, "Close code 1006: the browser does not tell scripts why. It can be one of these:"),
    h("ul", {}, HANDSHAKE_CAUSES.map((cause) => h("li", {}, cause))),
    h("p", {}, "The log of the server and the Network panel of the browser’s developer tools (F12) show the HTTP status."),
  ];
  if (!isRetried) return { title: "The handshake failed", parts: causes };
  // It comes and goes while people write: as short as can be.
  const folded = h("details", {}, h("summary", {}, "What it can be"), causes);
  return { title: "The server does not answer", parts: [folded] };
}
