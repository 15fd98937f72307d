// One connection: its settings, its composer and its log, around a socket.

import { announce, append, copy, h } from "../dom.js";
import { Address } from "./address.js";
import { describeError, readAuth } from "./answers.js";
import { Composer } from "./composer.js";
import {
  isOpen,
  isTaken,
  makeAuthenticate,
  makeProtocols,
  maskAuthenticate,
  nameKind,
} from "./credentials.js";
import { maskSecretFields } from "./drafts.js";
import { explainRefusedByBrowser, getCodeName } from "./closing.js";
import { Log, countBytes, toHex } from "./log.js";
import { LogView } from "./log_view.js";
import { describeState, explain, explainRenewal, explainWaiting } from "./notice.js";
import { RemoveButton } from "./remove_button.js";
import { writeJson } from "./schema_json.js";
import { SettingsView } from "./settings_view.js";
import { Socket } from "./socket.js";

/** @typedef {import("./types.js").PageData} PageData */
/** @typedef {import("./types.js").Settings} Settings */

let lastId = 0;

export class Panel {
  number = h("span", { class: "number" });
  name = h("span", { class: "name" });
  place = h("span", { class: "muted place" });
  badge = h("span", { class: "badge status" });
  button = h("button", { type: "submit", class: "primary connect" });
  anyway = h(
    "button",
    { type: "button", class: "danger", hidden: true, onclick: () => this.connect({ isChecked: false }) },
    "Connect anyway",
  );
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
    /** @type {HTMLElement | null} What had the focus when the connection was asked for. */
    this.origin = null;
    /** @type {import("./notice.js").AuthResult | null} */
    this.auth = null;
    /** @type {import("./notice.js").AuthResult | null} The answer to a fresh token. */
    this.renewed = null;
    this.said = "";
    /** The last error message of the server, until it says something else. */
    this.error = "";
    /** Why the browser has not even tried. */
    this.refused = "";
    this.isReady = false;
    /** Whether the last press of the button came from a key. */
    this.isByKey = false;
    this.log = new Log(data.action_key);
    this.socket = new Socket({
      getTarget: () => this.getTarget(),
      onchange: () => this.react(),
      onframe: (frame) => this.receive(frame),
      onsent: (text) => this.record(text),
      onend: (close) => this.recordClose(close),
      onrefused: (name) => {
        this.refused = explainRefusedByBrowser(name);
        this.log.add("event", `${this.refused} (${name})`);
        announce(this.refused);
      },
    });
    this.view = new SettingsView({
      id: this.id,
      data,
      settings,
      onchange: () => this.change(),
      onendpoint: () => this.changeEndpoint(),
      onsubmit: () => this.toggle(),
      ontoken: () => {
        this.address.learn();
        this.change();
      },
      onrenew: (token) => this.renew(token),
    });
    this.address = new Address({ server: data.server, settings, view: this.view, secrets });
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
    this.remove = new RemoveButton({
      isAsked: () => this.log.frames.length > 0,
      onremove: () => onremove(this),
    });
    this.element = this.makeElement();
    this.socket.reconnects = settings.reconnects;
    this.showAddress();
    this.show();
  }

  makeElement() {
    const title = `${this.id}-title`;
    this.button.setAttribute("form", `${this.id}-settings`);
    this.button.addEventListener("click", (event) => {
      // By the second of two clicks the button stands for the contrary of the first.
      if (event.detail > 1) event.preventDefault();
      this.isByKey = event.detail === 0;
    });
    this.button.addEventListener("keydown", (event) => {
      if (event.repeat && event.key === "Enter") event.preventDefault();
    });
    const copyUrl = h(
      "button",
      { type: "button", class: "quiet small", "aria-label": "Copy the URL", onclick: () => copy(copyUrl, this.address.getUrl(true)) },
      "Copy",
    );
    this.fold.append(this.view.element);
    // What is still to be filled in must be seen, whatever was folded before.
    this.fold.open = !this.settings.isFolded || this.view.isIncomplete;
    this.fold.addEventListener("toggle", () => {
      // The first one says what is there already.
      if (this.settings.isFolded !== this.fold.open) return;
      this.settings.isFolded = !this.fold.open;
      this.onchange();
    });
    return h(
      "section",
      { class: "connection card", "aria-labelledby": title, tabindex: "-1" },
      h(
        "div",
        { class: "connection-head" },
        h("h2", { id: title }, h("span", { class: "visually-hidden" }, "Connection "), this.number, " ", this.name, " ", this.place),
        this.badge,
        this.anyway,
        h("div", { class: "connection-tools" }, this.button, this.remove.element),
      ),
      h("div", { class: "url" }, this.address.element, copyUrl),
      h("div", { class: "left" }, this.notice, this.fold, this.composer.element),
      this.logView.element,
    );
  }

  /** @param {number} number */
  setNumber(number) {
    this.number.textContent = String(number);
    this.remove.setNumber(number);
    this.composer.setNumber(number);
    this.logView.setNumber(number);
  }

  change() {
    this.anyway.hidden = true;
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
    if (this.socket.phase === "idle") this.connect();
    else this.socket.disconnect();
  }

  /** @param {{isChecked?: boolean}} [how] Not checked: with something missing, to see what the server says. */
  connect({ isChecked = true } = {}) {
    const { isPossible, isGood } = this.view.checkAll();
    if (!isPossible || (isChecked && !isGood)) {
      this.fold.open = true;
      this.anyway.hidden = !isPossible;
      this.view.focusProblem();
      announce(isPossible ? "Not connected: something is missing" : "Not connected: a parameter is missing or does not fit");
      return;
    }
    this.origin = this.findOrigin();
    // It is about to be hidden.
    if (document.activeElement === this.anyway) this.button.focus();
    this.refused = "";
    this.socket.connect();
    // Now, and not when the answer comes: by then somebody may be writing below it.
    if (this.socket.phase !== "idle") this.fold.open = false;
  }

  /** Returns the element to come back to; null: the focus is somewhere else, or stays where it is. */
  findOrigin() {
    const { activeElement } = document;
    if (activeElement === this.anyway) return this.button;
    if (activeElement === this.button) return this.isByKey ? this.button : null;
    return activeElement instanceof HTMLElement && this.fold.contains(activeElement) ? activeElement : null;
  }

  /** @returns {import("./socket.js").Target} */
  getTarget() {
    const { auth, answersPings, subprotocols } = this.settings;
    const token = auth === "session" ? "" : this.view.auth.token.value.trim();
    this.address.learn();
    this.auth = this.renewed = null;
    this.error = "";
    this.isReady = false;
    const choice = { kind: auth, token, answersPings, own: subprotocols };
    return {
      url: this.address.getUrl(false),
      protocols: makeProtocols(this.view.endpoint, choice),
      first: auth === "message" && token ? makeAuthenticate(this.data.action_key, token) : null,
    };
  }

  /** Returns what may be kept of the settings. */
  getKept() {
    return this.address.getKept();
  }

  getContext() {
    const { endpoint } = this.view;
    return { endpoint: endpoint.name, url: this.address.getUrl(true), exported_at: new Date().toISOString() };
  }

  /** @param {string | ArrayBuffer} data */
  receive(data) {
    if (typeof data !== "string") {
      this.log.add("received", this.secrets.mask(toHex(data)), { size: data.byteLength, isBinary: true });
      return;
    }
    const shown = this.secrets.mask(data);
    const frame = this.log.add("received", shown, shown === data ? {} : { size: countBytes(data) });
    if (frame.action !== "ping") this.error = frame.action === "error" ? describeError(shown) : "";
    if (frame.action === "authentication") this.takeAuth(data);
    if (frame.action === "ping" && this.settings.answersPings && this.socket.phase === "open") {
      this.socket.send(JSON.stringify({ [this.data.action_key]: "pong", payload: null }));
    }
  }

  /** @param {string} text */
  takeAuth(text) {
    const result = readAuth(text, this.secrets);
    if (!result) return;
    const wasGood = this.auth?.status === 200;
    const isHere = new URL(this.data.server).host === location.host; // where the cookies go
    const isOver = isHere && [401, 408].includes(result.status) && this.settings.auth === "session";
    if (isOver && isTaken(this.view.endpoint, "session")) {
      // Somebody was logged in when the page was made, and is no more.
      this.data.user = null;
      this.view.auth.explain();
      this.showAddress();
    }
    // A fresh token that is refused leaves the connection as it was.
    if (wasGood) this.renewed = result;
    else this.auth = result;
    if (result.status === 200 && !wasGood) this.becomeReady();
    this.show();
  }

  becomeReady() {
    this.socket.confirm();
    this.isReady = true;
    if (this.hasLostFocus) this.composer.focus();
    this.origin = null;
  }

  /** Whether what the connection was opened from had the focus, and nothing else has it now. */
  get hasLostFocus() {
    const { activeElement } = document;
    return this.origin !== null && (activeElement === document.body || activeElement === this.origin);
  }

  /** @param {string} text */
  record(text) {
    const { text: masked, token } = maskAuthenticate(text);
    if (token) this.secrets.add(token);
    const { shown, found } = maskSecretFields(masked, this.secrets.names);
    for (const each of found) if (!this.isExample(each)) this.secrets.add(each);
    this.log.add("sent", this.secrets.mask(shown), { size: countBytes(text) });
  }

  /**
   * Tells whether a text stands in the place of a secret in an example, which everybody may see.
   *
   * @param {string} text
   */
  isExample(text) {
    const examples = this.view.endpoint.incoming.flatMap((each) => each.examples);
    return examples.some((each) => maskSecretFields(writeJson(each.content), this.secrets.names).found.includes(text));
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
    if (phase === "connecting") this.log.add("event", `Connecting to ${this.address.getUrl(true).slice(this.data.server.length)}`);
    if (phase === "open") {
      this.log.add("event", protocol ? `Open, subprotocol ${this.secrets.mask(protocol)}` : "Open, no subprotocol");
      if (!this.isAuthExpected) this.becomeReady();
    }
    if (phase === "idle" && close && !this.isReady) this.fold.open = true;
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
    const key = { idle: "Connect", connecting: "Cancel", open: "Disconnect", closing: "Force close", waiting: "Stop" }[phase];
    this.button.textContent = key;
    if (phase === "idle") append(this.button, h("kbd", { "aria-hidden": "true" }, "↵"));
    else this.anyway.hidden = true;
    this.button.classList.toggle("primary", phase === "idle");
    this.element.dataset["phase"] = phase;
    this.composer.setReason(getReason(phase));
    const takesFresh = this.view.endpoint.incoming.some((each) => each.actions.includes("authenticate"));
    this.view.auth.renewal.hidden = phase !== "open" || !takesFresh;
    // Another path would be shown than the one that is connected to.
    this.view.lock(phase === "idle" ? null : key);
    this.showNotice();
  }

  showBadge() {
    const { text, kind } = describeState(this.socket, this.auth, this.isAuthExpected);
    this.badge.textContent = text;
    this.badge.className = `badge status ${kind}`;
    const { phase, attempts } = this.socket;
    // Once for a loss: neither the seconds, nor each attempt.
    const said = phase === "waiting" || (phase === "connecting" && attempts) ? "lost, trying again" : text;
    if (said === this.said) return;
    this.said = said;
    if (this.element.isConnected) announce(`Connection ${this.number.textContent}: ${said}`);
  }

  showNotice() {
    // What was said of the loss stays while it is tried again: nothing jumps.
    if (this.socket.phase === "connecting" && this.socket.attempts) return;
    const found = this.explain();
    const fresh = h("div");
    if (found) append(fresh, found.title && h("p", { class: "notice-title" }, found.title), found.parts);
    this.notice.hidden = found === null;
    this.notice.classList.toggle("bad", !found?.isWarning);
    this.notice.classList.toggle("warn", found?.isWarning ?? false);
    // The same again leaves alone what was unfolded or has the focus.
    if (fresh.textContent !== this.notice.textContent) this.notice.replaceChildren(...fresh.childNodes);
  }

  /** @returns {import("./notice.js").Found | null} */
  explain() {
    const { endpoint } = this.view;
    const choice = { kind: this.settings.auth, hasToken: this.view.auth.token.value.trim() !== "" };
    if (this.refused) return { title: "Not connected", parts: [h("p", {}, this.refused)] };
    if (this.socket.phase === "open" && this.isAuthExpected && !this.auth) {
      return explainWaiting(this.data, endpoint, choice);
    }
    const known = { auth: this.auth, renewed: this.renewed, error: this.error, choice };
    return explain(this.socket, this.data, known) ?? explainRenewal(this.socket, this.renewed);
  }

  showAddress() {
    this.address.show();
    const { auth, reconnects } = this.settings;
    const isKnown = auth === "session" && this.data.user !== null && !isOpen(this.view.endpoint);
    const kind = nameKind(this.view.endpoint, auth);
    const words = [isKnown && this.data.user, kind, reconnects && "reconnects"];
    this.place.textContent = this.address.describe();
    this.place.hidden = this.place.textContent === "";
    this.foldText.textContent = words.filter(Boolean).join(" · ");
    this.name.textContent = this.view.endpoint.name;
  }

  /** Goes to where work goes on: to what is to be filled in, to the button, or to the connection itself. */
  focus() {
    const empty = this.view.findEmpty();
    if (this.socket.phase !== "idle") this.element.focus();
    else if (!empty) this.button.focus();
    else {
      this.fold.open = true;
      empty.focus();
    }
  }

  /** Ends the connection and empties the field of its token. */
  destroy() {
    clearInterval(this.clock);
    this.socket.destroy();
    this.view.auth.token.value = "";
    this.element.remove();
  }
}

/** @param {import("./types.js").Phase} phase */
function getReason(phase) {
  if (phase === "open") return null;
  return phase === "idle" ? "Connect first." : "Not connected yet.";
}
