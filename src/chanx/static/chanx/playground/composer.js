// Where a message is made: as a form or as JSON, both of the same draft.

import { announce, append, formatProse, h } from "../dom.js";
import { withoutSecretFields } from "./drafts.js";
import { SchemaForm } from "./form.js";
import { describeProblems } from "./form_problems.js";
import { indent } from "./json_text.js";
import { countBytes, formatSize } from "./log.js";
import { makeValidator, parseJson, writeJson } from "./schema.js";

/** @typedef {import("./types.js").Endpoint} Endpoint */
/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("./types.js").PageData} PageData */
/** @typedef {import("./types.js").Settings} Settings */
/**
 * @typedef {object} Problem
 * @property {(string | number)[]} path
 * @property {string} text
 * @property {number} [line]
 * @property {number} [column]
 */

const SEND_KEY = /mac|iphone|ipad/i.test(navigator.userAgent) ? "⌘↵" : "Ctrl ↵";

export class Composer {
  sendButton = h(
    "button",
    { type: "button", class: "primary", "aria-keyshortcuts": "Control+Enter Meta+Enter", onclick: () => this.send() },
    "Send",
    h("kbd", { "aria-hidden": "true" }, SEND_KEY),
  );
  anyway = h(
    "button",
    { type: "button", class: "danger", hidden: true, onclick: () => this.send({ isChecked: false }) },
    "Send anyway",
  );
  state = h("span", { class: "small state" });
  format = h("button", { type: "button", class: "quiet small", onclick: () => this.indent() }, "Format");
  reset = h(
    "button",
    { type: "button", class: "quiet small", onclick: () => this.setText(this.getExample()) },
    "Example",
  );

  /**
   * @param {object} options
   * @param {string} options.id
   * @param {PageData} options.data
   * @param {Settings} options.settings Is changed in place.
   * @param {Endpoint} options.endpoint
   * @param {import("./secrets.js").Secrets} options.secrets
   * @param {() => void} options.onchange
   * @param {(text: string) => void} options.onsend
   */
  constructor(options) {
    this.options = options;
    const { id } = options;
    this.endpoint = options.endpoint;
    /** @type {Message[]} */
    this.messages = [];
    /** @type {Message | null} */
    this.message = null;
    /** @type {SchemaForm | null} */
    this.form = null;
    /** @type {string | null} The text that the form shows. */
    this.formText = null;
    /** @type {(value: any) => Problem[]} */
    this.validate = () => [];
    /** @type {Problem[]} */
    this.problems = [];
    /** @type {string | null} */
    this.reason = null;
    this.isTried = false;
    /** The last text of the draft that had the message's own action. */
    this.ownText = "";
    this.select = h("select", { id: `${id}-message`, onchange: () => this.choose(this.select.value) });
    this.note = h("p", { class: "hint" });
    this.editor = h("textarea", {
      class: "code editor",
      id: `${id}-json`,
      "aria-label": "Message as JSON",
      "aria-describedby": `${id}-problems`,
      rows: "7",
      spellcheck: "false",
      autocapitalize: "off",
      autocomplete: "off",
      oninput: () => this.takeText(),
    });
    this.formPlace = h("div", { class: "form-place" });
    this.list = h("ul", { class: "problems", id: `${id}-problems` });
    this.size = h("span", { class: "muted small size" });
    this.state.id = `${id}-state`;
    this.sendButton.setAttribute("aria-describedby", this.state.id);
    this.modes = this.makeModes();
    this.chooser = h(
      "div",
      { class: "composer-head" },
      h("label", { for: this.select.id, class: "visually-hidden" }, "Message"),
      this.select,
      this.modes,
    );
    this.element = h(
      "section",
      { class: "composer", "aria-label": "Composer" },
      this.chooser,
      this.note,
      this.formPlace,
      this.editor,
      this.list,
      h(
        "div",
        { class: "composer-foot" },
        this.sendButton,
        this.anyway,
        this.state,
        h("div", { class: "composer-tools" }, this.size, this.format, this.reset),
      ),
    );
    this.number = 0;
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.send();
    });
    this.setEndpoint(options.endpoint);
  }

  /** @param {number} number Of the connection. */
  setNumber(number) {
    this.number = number;
    this.element.setAttribute("aria-label", `Composer of connection ${number}`);
  }

  makeModes() {
    const name = `${this.options.id}-mode`;
    return h(
      "fieldset",
      { class: "segments" },
      h("legend", { class: "visually-hidden" }, "Compose as"),
      /** @type {const} */ ([["form", "Form"], ["json", "JSON"]]).map(([mode, text]) => {
        const input = h("input", {
          type: "radio",
          name,
          value: mode,
          checked: this.options.settings.mode === mode,
          onchange: () => this.setMode(mode),
        });
        return h("label", {}, input, h("span", {}, text));
      }),
    );
  }

  /** @param {Endpoint} endpoint */
  setEndpoint(endpoint) {
    this.endpoint = endpoint;
    // Fresh tokens are sent from the field of the token, which is kept nowhere.
    this.messages = endpoint.incoming.filter(
      (each) => !(each.source === "chanx" && each.actions.includes("authenticate")),
    );
    const own = this.messages.filter((each) => each.source !== "chanx");
    const standard = this.messages.filter((each) => each.source === "chanx");
    this.select.replaceChildren(...own.map(makeOption));
    if (standard.length) {
      this.select.append(h("optgroup", { label: "Of chanx" }, standard.map(makeOption)));
    }
    const isEmpty = this.messages.length === 0;
    this.chooser.hidden = isEmpty;
    const { settings } = this.options;
    const wanted = this.messages.find((each) => each.name === settings.message);
    const first = own.find((each) => !each.actions.includes("ping")) ?? own[0];
    this.choose((wanted ?? first ?? standard[0])?.name ?? "");
  }

  /** @param {string} name */
  choose(name) {
    const { settings, data } = this.options;
    this.message = this.messages.find((each) => each.name === name) ?? null;
    if (this.message) settings.message = this.message.name;
    this.select.value = this.message?.name ?? "";
    const schema = this.message?.schema ?? null;
    this.validate = schema === null ? () => [] : makeValidator(schema, data.definitions);
    this.form = null;
    this.formText = null;
    this.isTried = false;
    this.note.replaceChildren();
    append(this.note, this.message?.is_deprecated && h("span", { class: "badge warn" }, "Deprecated"), " ", formatProse(this.getNote()));
    this.note.hidden = !this.note.textContent?.trim();
    this.reset.hidden = this.message === null;
    this.format.hidden = !this.endpoint.is_described;
    this.editor.value = settings.drafts[this.getKey()] ?? this.getExample();
    this.ownText = this.editor.value;
    this.setMode(settings.mode);
    this.options.onchange();
  }

  getNote() {
    if (!this.endpoint.is_described) {
      return "Nothing is known of what it takes. The text is sent as it is.";
    }
    if (this.messages.some((each) => each.source !== "chanx")) return this.message?.summary ?? "";
    return "This endpoint takes no messages of its own. Others are answered with an error.";
  }

  getKey() {
    return `${this.endpoint.name} ${this.message?.name ?? "*"}`;
  }

  getExample() {
    if (this.message?.examples[0]) return writeJson(this.message.examples[0].content, 2);
    if (!this.endpoint.is_described) return "";
    const action = this.message?.actions[0] ?? "";
    return JSON.stringify({ [this.options.data.action_key]: action, payload: null }, null, 2);
  }

  /** @param {"form" | "json"} mode */
  setMode(mode) {
    const { settings } = this.options;
    const hasForm = this.message?.schema != null;
    const isWanted = mode === "form" && hasForm;
    const isForm = isWanted && this.showForm();
    if (isWanted && !isForm) announce("The JSON is not right yet, so there is no form of it");
    settings.mode = isWanted && !isForm ? "json" : hasForm ? mode : settings.mode;
    this.isForm = isForm;
    this.formPlace.hidden = !isForm;
    this.editor.hidden = isForm;
    this.format.hidden = isForm || !this.endpoint.is_described;
    for (const input of this.modes.querySelectorAll("input")) {
      input.checked = input.value === (isForm ? "form" : "json");
    }
    this.update();
  }

  /** Makes the form show the draft, and tells whether it can. */
  showForm() {
    const parsed = parseJson(this.editor.value);
    const name = this.message?.schema ?? null;
    if (name === null || !("value" in parsed)) return false;
    const { definitions } = this.options.data;
    if (!this.form) {
      this.form = new SchemaForm({
        schema: definitions[name] ?? {},
        definitions,
        value: parsed.value,
        onchange: () => this.takeForm(),
      });
      this.formPlace.replaceChildren(this.form.element);
    } else if (this.formText !== this.editor.value) {
      this.form.setValue(parsed.value);
    }
    this.formText = this.editor.value;
    return true;
  }

  takeForm() {
    if (!this.form || !this.isForm) return;
    this.editor.value = this.form.text;
    this.formText = this.editor.value;
    this.keep();
    this.update();
  }

  takeText() {
    const parsed = this.endpoint.is_described ? parseJson(this.editor.value) : null;
    const action = parsed && "value" in parsed ? parsed.value?.[this.options.data.action_key] : undefined;
    const isOwn = this.message?.actions.includes(action) ?? false;
    if (!isOwn && action !== undefined) this.follow(action);
    this.keep({ isOwn });
    this.update();
  }

  /**
   * Chooses the message whose action the text has by now. The one before keeps what it was.
   *
   * @param {any} action
   */
  follow(action) {
    const found = this.messages.find((each) => each.actions.includes(action));
    if (!found) return;
    const { drafts } = this.options.settings;
    const { value, selectionStart, selectionEnd } = this.editor;
    drafts[this.getKey()] = this.ownText;
    drafts[`${this.endpoint.name} ${found.name}`] = value;
    this.choose(found.name);
    this.editor.setSelectionRange(selectionStart, selectionEnd);
  }

  /** @param {string} text */
  setText(text) {
    this.editor.value = text;
    this.keep();
    this.setMode(this.isForm ? "form" : this.options.settings.mode);
  }

  keep({ isOwn = true } = {}) {
    if (isOwn) this.ownText = this.editor.value;
    this.options.settings.drafts[this.getKey()] = this.editor.value;
    this.options.onchange();
  }

  indent() {
    const parsed = parseJson(this.editor.value);
    if ("value" in parsed) this.setText(indent(this.editor.value));
    else announce(parsed.problem.text);
  }

  /** @returns {Problem[]} */
  findProblems() {
    if (!this.endpoint.is_described) return [];
    const parsed = parseJson(this.editor.value);
    if ("value" in parsed) return this.validate(parsed.value);
    return [{ path: [], ...parsed.problem }];
  }

  /** Shows what is wrong with the draft, and whether it can be sent. */
  update() {
    this.problems = this.findProblems();
    const form = this.isForm ? this.form : null;
    const own = form ? form.showProblems(this.problems) : this.problems;
    if (form && !this.problems.length) this.problems = form.problems;
    const shown = own.slice(0, 20);
    this.list.replaceChildren(...shown.map((each) => this.makeProblem(each)));
    if (own.length > shown.length) append(this.list, h("li", {}, `… and ${own.length - shown.length} more`));
    this.list.hidden = !own.length;
    if (this.problems.length && !this.isForm) this.editor.setAttribute("aria-invalid", "true");
    else this.editor.removeAttribute("aria-invalid");
    const kept = withoutSecretFields(this.editor.value, this.options.secrets.names);
    const hidden = kept === null ? "not kept, it may show a secret" : kept !== this.editor.value && "kept without its secrets";
    this.size.textContent = [formatSize(countBytes(this.getWireText())), hidden].filter(Boolean).join(" · ");
    this.showState();
  }

  showState() {
    const many = this.problems.length;
    const count = many === 1 ? "1 problem" : `${many} problems`;
    // The list says it where there is one.
    this.state.textContent = this.reason ?? (many && this.list.hidden ? count : "");
    this.state.classList.toggle("bad", this.reason === null && many > 0);
    // Not disabled, which would take the focus away from it.
    this.sendButton.setAttribute("aria-disabled", String(this.reason !== null));
    const hadFocus = document.activeElement === this.anyway;
    this.anyway.hidden = this.reason !== null || many === 0;
    if (hadFocus && this.anyway.hidden) this.sendButton.focus();
  }

  /** @param {Problem} problem */
  makeProblem({ path, text, line, column }) {
    if (line === undefined || column === undefined) {
      return h("li", {}, path.length > 0 && h("code", {}, path.join(".")), " ", text);
    }
    const place = `Line ${line}, column ${column}`;
    const go = () => {
      const before = this.editor.value.split("\n").slice(0, line - 1).join("\n").length;
      const position = before + (line > 1 ? 1 : 0) + column - 1;
      this.editor.focus();
      this.editor.setSelectionRange(position, position + 1);
    };
    return h("li", {}, h("button", { type: "button", class: "link", onclick: go }, place), " ", text);
  }

  /**
   * Says why nothing can be sent; null: it can.
   *
   * @param {string | null} reason
   */
  setReason(reason) {
    this.reason = reason;
    this.showState();
  }

  /** Returns the draft as it goes over the wire: without the spaces that make it readable. */
  getWireText() {
    const text = this.editor.value;
    if (!this.endpoint.is_described || !("value" in parseJson(text))) return text;
    return text.replace(/("[^"\\]*(?:\\.[^"\\]*)*")|\s+/g, "$1");
  }

  /** @param {{isChecked?: boolean}} [how] */
  send({ isChecked = true } = {}) {
    if (this.reason !== null) {
      announce(this.reason);
      return;
    }
    this.update();
    if (isChecked && this.problems.length) {
      announce(`Not sent. ${describeProblems(this.problems)}`);
      if (this.isForm) this.form?.focusFirstProblem();
      else this.editor.focus();
      return;
    }
    // Before it goes: what a server answers is said after it.
    announce(`Connection ${this.number}: sent`);
    this.options.onsend(this.getWireText());
  }

  focus() {
    if (this.isForm) {
      const first = this.formPlace.querySelector("input, textarea, select");
      if (first instanceof HTMLElement) first.focus();
      // What stands there is an example, or was sent: who types means something else.
      if (first instanceof HTMLInputElement || first instanceof HTMLTextAreaElement) first.select();
    } else this.editor.focus();
  }
}

/** @param {Message} message */
function makeOption(message) {
  const actions = message.actions.join(", ");
  return h("option", { value: message.name }, actions ? `${actions}  (${message.name})` : message.name);
}
