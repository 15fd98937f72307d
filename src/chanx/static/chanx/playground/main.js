// The playground: connections side by side, what is kept of them, and the keys.

import { announce, append, byId, h } from "../dom.js";
import { findSecretNames } from "./drafts.js";
import { hasKeys, setKeys } from "../keys.js";
import { Panel } from "./panel.js";
import { makeCheckbox } from "./rows.js";
import { readData } from "./schema_json.js";
import { Secrets } from "./secrets.js";
import { MOST_CONNECTIONS, makeSearch, makeSettings, readSaved, readUrl, writeSaved } from "./state.js";

/** @typedef {import("./types.js").PageData} PageData */
/** @typedef {import("./types.js").Settings} Settings */

const KEYS = [
  ["Ctrl Enter", "In a message: send it (on a Mac: ⌘ Enter)"],
  ["Enter", "In a parameter: connect"],
  ["n", "Add a connection"],
  ["1 … 9", "Go to a connection"],
  ["c", "Connect or disconnect the connection you are in, or the first"],
  ["m", "Write a message in it"],
  ["/", "Filter its log"],
  ["↑ ↓ Home End", "In a log: go from frame to frame; Enter unfolds one"],
  ["?", "Show these keys"],
];

class Playground {
  /** @param {PageData} data */
  constructor(data) {
    this.data = data;
    this.secrets = new Secrets();
    const queries = data.endpoints.map((each) => each.query ?? {});
    this.secrets.names = new Set([data.definitions, ...queries].flatMap((each) => [...findSecretNames(each)]));
    /** @type {Panel[]} */
    this.panels = [];
    this.place = byId("connections");
    this.addButton = byId("add-connection");
    this.dialog = this.makeDialog();
    this.start(readSaved());
    this.addButton.addEventListener("click", () => this.add({ isCopied: true }));
    byId("show-keys").addEventListener("click", () => this.dialog.showModal());
    document.addEventListener("keydown", (event) => this.press(event));
    addEventListener("pagehide", () => this.save());
  }

  /** @param {Settings[]} saved */
  start(saved) {
    const known = new Set(this.data.endpoints.map((each) => each.name));
    const settings = saved.filter((each) => known.has(each.endpoint));
    const given = readUrl(location.search);
    if (given && known.has(given.endpoint)) {
      const [first, ...others] = settings;
      const isSame = first?.endpoint === given.endpoint;
      const kept = first ?? makeSettings();
      // A bare link to an endpoint keeps what was filled in there.
      const isBare = isSame && ![...new URLSearchParams(location.search).keys()].some((key) => key !== "endpoint");
      settings.splice(0, settings.length, { ...kept, ...(isBare ? {} : given) }, ...others);
    } else if (given) {
      this.tell(`There is no endpoint “${given.endpoint.slice(0, 100)}” on this site. The URL may be of another one, or of an older version.`);
    }
    if (!settings.length) settings.push(makeSettings());
    for (const each of settings) this.insert(each);
    this.isChanged = false;
    this.save();
    const first = this.panels[0];
    // Who follows a link to an endpoint fills it in; on touch screens a keyboard would come up.
    if (given && first?.view.findEmpty() && matchMedia("(pointer: fine)").matches) first.focus();
  }

  /** @param {string} text */
  tell(text) {
    const note = byId("page-note");
    note.textContent = text;
    note.hidden = false;
  }

  /** @param {{isCopied: boolean}} how */
  add({ isCopied }) {
    if (this.panels.length >= MOST_CONNECTIONS) {
      this.tell(`${MOST_CONNECTIONS} connections are the most that one page holds.`);
      return;
    }
    const last = this.panels.at(-1);
    const settings = isCopied && last ? structuredClone(last.settings) : makeSettings();
    const panel = this.insert({ ...settings, isFolded: false });
    panel.element.scrollIntoView({ block: "nearest" });
    panel.focus();
    announce(`Connection ${this.panels.length} added`);
    this.schedule();
  }

  /** @param {Settings} settings */
  insert(settings) {
    const panel = new Panel({
      data: this.data,
      settings,
      secrets: this.secrets,
      onchange: () => this.schedule(),
      onremove: (removed) => this.remove(removed),
    });
    this.panels.push(panel);
    this.place.append(panel.element);
    this.renumber();
    return panel;
  }

  /** @param {Panel} panel */
  remove(panel) {
    const at = this.panels.indexOf(panel);
    panel.destroy();
    this.panels.splice(at, 1);
    if (!this.panels.length) this.insert(makeSettings());
    this.renumber();
    (this.panels[at] ?? this.panels.at(-1))?.element.focus();
    announce("Connection removed");
    this.schedule();
  }

  renumber() {
    this.panels.forEach((panel, index) => panel.setNumber(index + 1));
    this.place.dataset["count"] = String(Math.min(this.panels.length, 3));
  }

  schedule() {
    this.isChanged = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), 250);
  }

  save() {
    clearTimeout(this.timer);
    const connections = this.panels.map((panel) => panel.getKept());
    // A page in which nothing has changed since leaves what others have saved.
    if (this.isChanged) writeSaved(connections);
    this.isChanged = false;
    const [first] = connections;
    const search = first ? makeSearch(first) : "";
    if (search !== location.search) history.replaceState(null, "", `${location.pathname}${search}`);
  }

  /** Returns the connection that has the focus, or the first. */
  get current() {
    return this.panels.find((panel) => panel.element.contains(document.activeElement)) ?? this.panels[0];
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    if (!hasKeys() || event.repeat || event.ctrlKey || event.metaKey || event.altKey || this.dialog.open) return;
    if (event.target instanceof HTMLElement && event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (!this.act(event.key)) return;
    event.preventDefault();
  }

  /**
   * Does what a key is for, and tells whether it is for anything.
   *
   * @param {string} key
   */
  act(key) {
    const panel = this.current;
    if (key === "?") this.dialog.showModal();
    else if (key === "n") this.add({ isCopied: true });
    else if (key === "c") panel?.toggle();
    else if (key === "m") panel?.composer.focus();
    else if (key === "/") panel?.logView.text.focus();
    else if (/^[1-9]$/.test(key)) this.panels[Number(key) - 1]?.focus();
    else return false;
    return true;
  }

  makeDialog() {
    const close = h("button", { type: "button", class: "primary" }, "Close");
    const dialog = h(
      "dialog",
      { class: "keys", "aria-labelledby": "keys-title" },
      h("h2", { id: "keys-title" }, "Keys"),
      h(
        "dl",
        {},
        KEYS.map(([key, text]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, text))),
      ),
      makeCheckbox("Single-key shortcuts, here and in the reference", hasKeys(), setKeys),
      h("div", { class: "dialog-foot" }, close),
    );
    close.addEventListener("click", () => dialog.close());
    document.body.append(dialog);
    return dialog;
  }

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer = undefined;
  /** Since it was saved. */
  isChanged = false;
}

function main() {
  /** @type {PageData} */
  const data = readData(byId("chanx-data").textContent ?? "");
  if (data.endpoints.length) new Playground(data);
  else showEmpty();
}

function showEmpty() {
  byId("add-connection").hidden = byId("show-keys").hidden = true;
  append(
    byId("connections"),
    h(
      "div",
      { class: "card nothing" },
      h("h2", {}, "There is nothing to connect to"),
      h("p", {}, "The routes of ASGI_APPLICATION reach no WebSocket consumer. Add one to the URLRouter under “websocket” and load this page again."),
    ),
  );
}

main();
