// One connection: its settings, its composer and its log, around a socket.

import { announce, append, copy, h } from "../dom.js";
import { Composer } from "./composer.js";
import {
  getTokenParameter,
  makeAuthenticate,
  makeProtocols,
  maskAuthenticate,
  nameKind,
} from "./credentials.js";
import { findSecretTexts } from "./drafts.js";
import { isSecretName, makeQuery } from "./endpoints.js";
import { explainRefusedByBrowser, getCodeName } from "./closing.js";
import { Log, countBytes, toHex } from "./log.js";
import { LogView } from "./log_view.js";
import { describeState, explain, explainRenewal } from "./notice.js";
import { MASK } from "./secrets.js";
import { SettingsView } from "./settings_view.js";
import { Socket } from "./socket.js";
import { mayKeepSubprotocols, withoutSecrets } from "./state.js";

/** @typedef {import("./types.js").PageData} PageData */
/** @typedef {import("./types.js").Settings} Settings */

const LONGEST_STATUS = 100;
const LONGEST_DETAIL = 1_000;

let lastId = 0;

export class Panel {
  number = h("span", { class: "number" });
  name = h("span", { class: "name" });
  badge = h("span", { class: "badge status" });
  button = h("button", { type: "submit", class: "primary connect" });
  remove = h("button", { type: "button", class: "quiet icon" }, "×");
  url = h("code", { class: "url-text" });
  notice = h("div", { class: "note notice bad", hidden: true });
  foldText = h("span", { class: "muted small" });
  fold = h("details", { class: "fold" }, h("summary", {}, "Settings ", this.foldText));
  /** @type {ReturnType<typeof setInterval> | undefined} */
  clock = undefined;

  /**
   * @param {object} options
   * @param {PageData} options.data
   * @param {Settings} options.settings Is changed in place.
   * @param {import("./secrets.js").Secrets} options.secrets Of all connections; shown nowhere.
   * @param {() => void} options.onchange What is kept has changed.
   * @param {(panel: Panel) => void} options.onremove
   */
  constructor({ data, settings, secrets, onchange, onremove }) {
    this.id = `c${++lastId}`;
    this.data = data;
    this.settings = settings;
    this.onchange = onchange;
    this.secrets = secrets;
    /** @type {HTMLElement | null} */
    this.origin = null;
    /** @type {import("./notice.js").AuthResult | null} */
    this.auth = null;
    /** @type {import("./notice.js").AuthResult | null} The answer to a fresh token. */
    this.renewed = null;
    this.said = "";
    this.log = new Log(data.action_key);
    this.socket = new Socket({
      getTarget: () => this.getTarget(),
      onchange: () => this.react(),
      onframe: (frame) => this.receive(frame),
      onsent: (text) => this.record(text),
      onend: (close) => this.recordClose(close),
      onrefused: (name) => this.log.add("event", `${explainRefusedByBrowser(name)} (${name})`),
    });
    this.view = new SettingsView({
      id: this.id,
      data,
      settings,
      onchange: () => this.change(),
      onendpoint: () => this.changeEndpoint(),
      onsubmit: () => this.toggle(),
      ontoken: () => {
        this.learn();
        this.change();
      },
      onrenew: (token) => this.renew(token),
    });
    this.composer = new Composer({
      id: this.id,
      data,
      settings,
      endpoint: this.view.endpoint,
      secrets,
      onchange: () => this.onchange(),
      onsend: (text) => this.socket.send(text),
    });
    this.logView = new LogView({ id: this.id, log: this.log, getContext: () => this.getContext() });
    this.element = this.makeElement(onremove);
    this.socket.reconnects = settings.reconnects;
    this.showAddress();
    this.show();
  }

  /** @param {(panel: Panel) => void} onremove */
  makeElement(onremove) {
    const title = `${this.id}-title`;
    this.button.setAttribute("form", `${this.id}-settings`);
    this.remove.addEventListener("click", () => onremove(this));
    const copyUrl = h(
      "button",
      { type: "button", class: "quiet small", "aria-label": "Copy the URL", onclick: () => copy(copyUrl, this.getUrl(true)) },
      "Copy",
    );
    this.fold.append(this.view.element);
    // What is still to be filled in must be seen, whatever was folded for another endpoint.
    this.fold.open = !this.settings.isFolded || this.view.isIncomplete;
    this.fold.addEventListener("toggle", () => {
      this.settings.isFolded = !this.fold.open;
      this.onchange();
    });
    return h(
      "section",
      { class: "connection card", "aria-labelledby": title, tabindex: "-1" },
      h(
        "div",
        { class: "connection-head" },
        h("h2", { id: title }, h("span", { class: "visually-hidden" }, "Connection "), this.number, " ", this.name),
        this.badge,
        h("div", { class: "connection-tools" }, this.button, this.remove),
      ),
      h("div", { class: "url" }, this.url, copyUrl),
      h("div", { class: "left" }, this.notice, this.fold, this.composer.element),
      this.logView.element,
    );
  }

  /** @param {number} number */
  setNumber(number) {
    this.number.textContent = String(number);
    this.remove.setAttribute("aria-label", `Remove connection ${number}`);
    this.composer.setNumber(number);
    this.logView.setNumber(number);
  }

  change() {
    this.socket.reconnects = this.settings.reconnects;
    this.showAddress();
    this.onchange();
  }

  changeEndpoint() {
    this.composer.setEndpoint(this.view.endpoint);
    this.change();
    this.show();
  }

  toggle() {
    const { activeElement } = document;
    this.origin = activeElement instanceof HTMLElement && this.fold.contains(activeElement) ? activeElement : null;
    if (this.socket.phase === "idle") this.socket.connect();
    else this.socket.disconnect();
  }

  /** @returns {import("./socket.js").Target | null} */
  getTarget() {
    if (!this.view.checkAll()) {
      this.fold.open = true;
      this.view.checkAll();
      announce("Not connected: a parameter does not fit");
      return null;
    }
    const { auth, answersPings, subprotocols } = this.settings;
    const token = auth === "session" ? "" : this.view.auth.token.value.trim();
    this.learn();
    this.auth = this.renewed = null;
    const choice = { kind: auth, token, answersPings, own: subprotocols };
    return {
      url: this.getUrl(false),
      protocols: makeProtocols(this.view.endpoint, choice),
      first: auth === "message" && token ? makeAuthenticate(this.data.action_key, token) : null,
    };
  }

  /** Takes note of what may be a secret, before a server sends it back. */
  learn() {
    const { query, subprotocols, parameters } = this.settings;
    this.secrets.add(this.view.auth.token.value.trim());
    for (const [name, value] of [...query, ...Object.entries(parameters)]) {
      if (isSecretName(name)) this.secrets.add(value);
    }
    if (!mayKeepSubprotocols(subprotocols)) {
      for (const each of subprotocols.split(",")) if (!isSecretName(each)) this.secrets.add(each.trim());
    }
  }

  /** Returns what may be kept of the settings. */
  getKept() {
    return withoutSecrets(this.settings, this.secrets);
  }

  /** @param {boolean} isShown True: with no secret in it. */
  getUrl(isShown) {
    const { query, auth } = this.settings;
    const token = this.view.auth.token.value.trim();
    /** @type {[string, string][]} */
    const rows = isShown ? this.getKept().query : [...query];
    if (auth === "query" && token && !isShown) rows.push([getTokenParameter(this.view.endpoint), token]);
    const parts = isShown ? this.getShownPath() : this.view.getPath();
    const path = parts.map((part) => part.text).join("");
    const url = this.data.server + path + makeQuery(rows);
    return isShown ? this.secrets.mask(url) : url;
  }

  /** Returns the path in parts, with no secret in it. */
  getShownPath() {
    return this.view.getPath().map((part) => ({
      ...part,
      text: part.name !== null && part.isFilled && isSecretName(part.name) ? MASK : part.text,
    }));
  }

  getContext() {
    const { endpoint } = this.view;
    return { endpoint: endpoint.name, url: this.getUrl(true), exported_at: new Date().toISOString() };
  }

  /** @param {string | ArrayBuffer} data */
  receive(data) {
    if (typeof data !== "string") {
      this.log.add("received", this.secrets.mask(toHex(data)), { size: data.byteLength, isBinary: true });
      return;
    }
    const shown = this.secrets.mask(data);
    const frame = this.log.add("received", shown, shown === data ? {} : { size: countBytes(data) });
    if (frame.action === "authentication") this.takeAuth(data);
    if (frame.action === "ping" && this.settings.answersPings && this.socket.phase === "open") {
      this.socket.send(JSON.stringify({ [this.data.action_key]: "pong", payload: null }));
    }
  }

  /** @param {string} text */
  takeAuth(text) {
    const payload = readPayload(text);
    // With CAMELIZE the names are others.
    const status = payload?.status_code ?? payload?.statusCode;
    if (typeof status !== "number") return;
    const detail = payload.data?.detail;
    const wasGood = this.auth?.status === 200;
    const result = {
      status,
      text: this.secrets.mask(String(payload.status_text ?? payload.statusText ?? "")).slice(0, LONGEST_STATUS),
      detail: this.secrets.mask(typeof detail === "string" ? detail : "").slice(0, LONGEST_DETAIL),
    };
    // A fresh token that is refused leaves the connection as it was.
    if (wasGood) this.renewed = result;
    else this.auth = result;
    if (status === 200 && !wasGood) this.becomeReady();
    this.show();
  }

  becomeReady() {
    this.socket.confirm();
    this.fold.open = false;
    if (this.hasLostFocus) this.composer.focus();
    this.origin = null;
  }

  /** Whether the field that the connection was opened from had the focus and is locked now. */
  get hasLostFocus() {
    const { activeElement } = document;
    return this.origin !== null && (activeElement === document.body || activeElement === this.origin);
  }

  /** @param {string} text */
  record(text) {
    const { text: masked, token } = maskAuthenticate(text);
    if (token) this.secrets.add(token);
    for (const each of findSecretTexts(text, this.secrets.names)) this.secrets.add(each);
    this.log.add("sent", this.secrets.mask(masked), { size: countBytes(text) });
  }

  /** @param {string} token */
  renew(token) {
    if (token.trim()) this.socket.send(makeAuthenticate(this.data.action_key, token.trim()));
  }

  get isAuthExpected() {
    return this.view.endpoint.outgoing.some((each) => each.actions.includes("authentication"));
  }

  /** The socket has changed. */
  react() {
    const { phase, close, protocol } = this.socket;
    if (phase === "connecting") this.log.add("event", `Connecting to ${this.getUrl(true).slice(this.data.server.length)}`);
    if (phase === "open") {
      this.log.add("event", protocol ? `Open, subprotocol ${this.secrets.mask(protocol)}` : "Open, no subprotocol");
      if (!this.isAuthExpected) this.becomeReady();
    }
    if (phase === "idle" && close && !close.wasAsked && !close.wasOpen) this.fold.open = true;
    if (phase === "idle" && this.auth && this.auth.status !== 200) this.fold.open = true;
    clearInterval(this.clock);
    if (phase === "waiting") this.clock = setInterval(() => this.showBadge(), 500);
    this.show();
    if (phase === "idle" && this.hasLostFocus) this.origin?.focus();
  }

  /** @param {import("./types.js").Close} close */
  recordClose(close) {
    close.reason = this.secrets.mask(close.reason);
    const { code, reason, wasOpen, wasAsked } = close;
    const name = getCodeName(code);
    const who = wasAsked ? "Closed by you" : wasOpen ? "Closed" : "Handshake failed";
    const text = [who, [code, name].filter(Boolean).join(" "), reason && `“${reason}”`];
    this.log.add("event", text.filter(Boolean).join(" · "));
  }

  /** Shows the state of the connection everywhere. */
  show() {
    const { phase } = this.socket;
    this.name.textContent = this.view.endpoint.name;
    this.showBadge();
    this.button.textContent =
      { idle: "Connect", connecting: "Cancel", open: "Disconnect", closing: "Force close", waiting: "Stop" }[phase];
    this.button.classList.toggle("primary", phase === "idle");
    this.element.dataset["phase"] = phase;
    this.composer.setReason(getReason(phase));
    const takesFresh = this.view.endpoint.incoming.some((each) => each.actions.includes("authenticate"));
    this.view.auth.renewal.hidden = phase !== "open" || !takesFresh;
    // Another path would be shown than the one that is connected to.
    this.view.lock(phase !== "idle");
    this.showNotice();
  }

  showBadge() {
    const { text, kind } = describeState(this.socket, this.auth, this.isAuthExpected);
    this.badge.textContent = text;
    this.badge.className = `badge status ${kind}`;
    if (this.socket.phase === "waiting" || text === this.said) return;
    this.said = text;
    if (this.element.isConnected) announce(`Connection ${this.number.textContent}: ${text}`);
  }

  showNotice() {
    const choice = { kind: this.settings.auth, hasToken: this.view.auth.token.value.trim() !== "" };
    const found =
      explain(this.socket, this.auth, this.data, choice) ?? explainRenewal(this.socket, this.renewed);
    this.notice.hidden = found === null;
    this.notice.replaceChildren();
    if (found) append(this.notice, found.title && h("p", { class: "notice-title" }, found.title), found.parts);
  }

  showAddress() {
    const parts = this.getShownPath();
    const rest = makeQuery(this.getKept().query);
    this.url.replaceChildren();
    append(
      this.url,
      h("span", { class: "server" }, this.data.server),
      parts.map(({ text, name, isFilled }) => {
        if (name === null) return text;
        const shown = this.secrets.mask(text);
        return [h("wbr"), h("span", { class: isFilled ? "filled" : "missing" }, shown)];
      }).flat(),
      rest,
    );
    const words = [nameKind(this.view.endpoint, this.settings.auth), this.settings.reconnects && "reconnects"];
    this.foldText.textContent = words.filter(Boolean).join(" · ");
    this.name.textContent = this.view.endpoint.name;
  }

  focus() {
    const input = this.fold.open && this.element.querySelector(".fold input:not([type=checkbox]), .fold select");
    if (input instanceof HTMLElement) input.focus();
    else this.element.focus();
  }

  /** Ends the connection and empties the field of its token. */
  destroy() {
    clearInterval(this.clock);
    this.socket.destroy();
    this.view.auth.token.value = "";
    this.element.remove();
  }
}

/**
 * @param {string} text Of an authentication message, or of what begins like one.
 * @returns {any}
 */
function readPayload(text) {
  try {
    return JSON.parse(text)?.payload;
  } catch {
    return null;
  }
}

/** @param {import("./types.js").Phase} phase */
function getReason(phase) {
  if (phase === "open") return null;
  return phase === "idle" ? "Connect first." : "Not connected yet.";
}
