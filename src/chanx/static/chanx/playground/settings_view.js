// The settings of one connection, as a form.

import { append, h } from "../dom.js";
import { AuthView } from "./auth_view.js";
import { fillPath, findProblem, getQueryParameters, isSecretName } from "./endpoints.js";
import { EMPTY, makeCheckbox, row, tell } from "./rows.js";

/** @typedef {import("./types.js").Endpoint} Endpoint */
/** @typedef {import("./types.js").PageData} PageData */
/** @typedef {import("./types.js").Parameter} Parameter */
/** @typedef {import("./types.js").Settings} Settings */

const NOT_KEPT = "Not kept: its name says that it may be a secret.";

export class SettingsView {
  /**
   * @param {object} options
   * @param {string} options.id Begins the ids of all elements.
   * @param {PageData} options.data
   * @param {Settings} options.settings Is changed in place.
   * @param {() => void} options.onchange
   * @param {() => void} options.onendpoint Another endpoint was chosen.
   * @param {() => void} options.onsubmit
   * @param {() => void} options.ontoken A token was put in.
   * @param {(token: string) => void} options.onrenew
   */
  constructor(options) {
    this.options = options;
    const { id } = options;
    this.endpoint = findEndpoint(options.data, options.settings);
    this.auth = new AuthView(options);
    /** @type {Map<string, {input: HTMLInputElement, error: HTMLElement}>} */
    this.fields = new Map();
    this.about = h("div", { class: "about" });
    this.parameters = h("div", { class: "rows" });
    this.query = h("div", { class: "rows" });
    this.more = h("div", { class: "more" });
    /** @type {{name: string, input: HTMLInputElement, error: HTMLElement}[]} Those of the query that are required. */
    this.required = [];
    this.locked = h("p", { class: "hint", hidden: true });
    this.element = h(
      "form",
      { class: "settings", id: `${id}-settings`, autocomplete: "off", novalidate: true },
      this.locked,
      this.makeChooser(),
      this.about,
      this.parameters,
      this.query,
      this.auth.element,
      this.more,
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      options.onsubmit();
    });
    this.render();
  }

  makeChooser() {
    const { id, data, settings } = this.options;
    /** @type {Map<string, Endpoint[]>} */
    const groups = new Map();
    for (const endpoint of data.endpoints) {
      const tag = endpoint.is_described ? (endpoint.tags[0] ?? "") : "Not of chanx";
      groups.set(tag, [...(groups.get(tag) ?? []), endpoint]);
    }
    const select = h("select", {
      id: `${id}-endpoint`,
      onchange: () => {
        settings.endpoint = select.value;
        this.endpoint = findEndpoint(data, settings);
        this.render();
        this.options.onendpoint();
      },
    });
    for (const [tag, endpoints] of groups) {
      const options = endpoints.map((each) =>
        h("option", { value: each.name }, `${each.name}  ${each.path}`),
      );
      if (tag && groups.size > 1) select.append(h("optgroup", { label: tag }, options));
      else append(select, options);
    }
    select.value = this.endpoint.name;
    return row(h("label", { for: select.id }, "Endpoint"), select);
  }

  render() {
    this.renderAbout();
    this.renderParameters();
    this.renderQuery();
    this.auth.render(this.endpoint);
    this.renderMore();
  }

  renderAbout() {
    const { summary, is_deprecated, is_described, name } = this.endpoint;
    this.about.replaceChildren();
    append(
      this.about,
      is_deprecated && h("span", { class: "badge warn" }, "Deprecated"),
      !is_described && h("span", { class: "badge" }, "Not of chanx"),
      summary && h("p", { class: "muted small" }, summary),
      !is_described &&
        h("p", { class: "muted small" }, `Nothing is known of ${name} but its path.`),
    );
    this.about.hidden = !this.about.childElementCount;
  }

  renderParameters() {
    const { id, settings, onchange } = this.options;
    this.fields.clear();
    this.parameters.replaceChildren();
    this.endpoint.parameters.forEach((parameter, index) => {
      const { name, example, description } = parameter;
      const error = h("p", { class: "error", id: `${id}-p${index}-error`, hidden: true });
      const hint = h("p", { class: "hint", id: `${id}-p${index}-hint` }, description);
      if (isSecretName(name)) hint.textContent = `${description} ${NOT_KEPT}`.trim();
      const input = h("input", {
        id: `${id}-p${index}`,
        class: "code",
        value: Object.hasOwn(settings.parameters, name) ? settings.parameters[name] : "",
        placeholder: example === null ? "" : `e.g. ${example}`,
        spellcheck: "false",
        autocapitalize: "off",
        autocomplete: "off",
        required: true,
        "aria-describedby": `${hint.id} ${error.id}`,
        oninput: () => {
          settings.parameters[name] = input.value;
          this.check(parameter, { isLenient: true });
          onchange();
        },
        onchange: () => this.check(parameter, { isLenient: true }),
      });
      this.fields.set(name, { input, error });
      this.parameters.append(row(h("label", { for: input.id }, name), input, hint, error));
    });
  }

  /**
   * @param {Parameter} parameter
   * @param {{isLenient: boolean}} how Lenient: an empty one is not wrong yet.
   */
  check(parameter, { isLenient }) {
    const field = this.fields.get(parameter.name);
    if (!field) return true;
    const { value } = field.input;
    const problem = isLenient && value === "" ? null : findProblem(parameter, value);
    tell(field.input, field.error, problem);
    return problem === null;
  }

  /**
   * Shows all that is wrong or missing, and tells what may be done.
   *
   * @returns {{isPossible: boolean, isGood: boolean}} Possible: there is a URL to connect to.
   */
  checkAll() {
    const wrong = this.endpoint.parameters.filter((each) => !this.check(each, { isLenient: false }));
    const missing = this.required.filter(({ name, input, error }) => {
      const isMissing = !this.isGiven(name);
      tell(input, error, isMissing ? EMPTY : null);
      return isMissing;
    });
    const hasToken = this.auth.check();
    return { isPossible: !wrong.length, isGood: !wrong.length && !missing.length && hasToken };
  }

  /** Goes to the first field that checkAll() has found. */
  focusProblem() {
    const field = /** @type {HTMLElement | null} */ (this.element.querySelector("[aria-invalid]"));
    field?.focus({ preventScroll: true });
    field?.scrollIntoView({ block: "center" }); // with what is said below it
  }

  /** Returns the first field that has to be filled in and is not; null: there is none. */
  findEmpty() {
    for (const { input } of this.fields.values()) if (input.value === "") return input;
    const missing = this.required.find((each) => !this.isGiven(each.name));
    if (missing) return missing.input;
    const hasToken = this.options.settings.auth === "session" || !this.auth.isIncomplete;
    return hasToken ? null : this.auth.token;
  }

  /** Whether something is still to be filled in, or to be chosen. */
  get isIncomplete() {
    return this.findEmpty() !== null || this.auth.isIncomplete;
  }

  /** @param {string} name Of a query parameter. */
  isGiven(name) {
    return this.options.settings.query.some((each) => each[0] === name);
  }

  renderQuery() {
    const { settings } = this.options;
    this.query.replaceChildren();
    this.required = [];
    /** @type {Set<[string, string]>} */
    const shown = new Set();
    for (const [index, each] of getQueryParameters(this.endpoint).entries()) {
      const pair = settings.query.find(([name]) => name === each.name) ?? [each.name, ""];
      shown.add(pair);
      this.addQueryField(`${this.options.id}-q${index}`, each, pair);
    }
    // Those that are not declared, and all but the first of a list.
    for (const pair of settings.query) if (!shown.has(pair)) this.addQueryRow(pair);
    const button = h(
      "button",
      {
        type: "button",
        class: "quiet small add",
        onclick: () => {
          /** @type {[string, string]} */
          const pair = ["", ""];
          settings.query.push(pair);
          this.addQueryRow(pair, button);
        },
      },
      "+ Query parameter",
    );
    this.query.append(button);
  }

  /**
   * @param {string} id
   * @param {ReturnType<typeof getQueryParameters>[number]} parameter
   * @param {[string, string]} pair Is changed in place; it is part of the query unless it is empty.
   */
  addQueryField(id, { name, description, isRequired, hint, choices }, pair) {
    const { settings, onchange } = this.options;
    const error = h("p", { class: "error", id: `${id}-error`, hidden: true });
    const allowed = choices.length ? `One of: ${choices.join(", ")}.` : "";
    const notes = [description, allowed, isRequired && "Required.", isSecretName(name) ? NOT_KEPT : ""];
    const note = h("p", { class: "hint", id: `${id}-hint` }, notes.filter(Boolean).join(" "));
    // They can be chosen, and others can be tried.
    const list = choices.length
      ? h("datalist", { id: `${id}-choices` }, choices.map((value) => h("option", { value })))
      : null;
    const input = this.makeInput(id, pair[1], hint && `default ${hint}`, {
      required: isRequired,
      list: list?.id,
      "aria-describedby": `${note.id} ${error.id}`,
    });
    input.addEventListener("input", () => {
      pair[1] = input.value;
      if (pair[1] === "") settings.query = settings.query.filter((each) => each !== pair);
      else if (!settings.query.includes(pair)) settings.query.push(pair);
      tell(input, error, null);
      onchange();
    });
    if (isRequired) this.required.push({ name, input, error });
    const element = row(h("label", { for: id }, `?${name}`), input, note, error);
    if (list) element.append(list);
    this.query.append(element);
  }

  /**
   * @param {[string, string]} pair Is changed in place.
   * @param {HTMLElement} [before] The button that asked for it.
   */
  addQueryRow(pair, before) {
    const { settings, onchange } = this.options;
    const hint = h("p", { class: "hint" });
    const name = this.makeInput(undefined, pair[0], "name", { "aria-label": "Name of a query parameter" });
    const value = this.makeInput(undefined, pair[1], "value", { "aria-label": "Its value" });
    const update = () => {
      pair[0] = name.value;
      pair[1] = value.value;
      hint.textContent = isSecretName(pair[0]) ? NOT_KEPT : "";
      onchange();
    };
    name.addEventListener("input", update);
    value.addEventListener("input", update);
    const remove = h("button", { type: "button", class: "quiet icon", "aria-label": "Remove" }, "×");
    const element = h("div", { class: "pair" }, name, value, remove, hint);
    remove.addEventListener("click", () => {
      settings.query = settings.query.filter((each) => each !== pair);
      element.remove();
      /** @type {HTMLElement | null} */ (this.query.querySelector("button.add"))?.focus();
      onchange();
    });
    if (before) before.before(element);
    else this.query.append(element);
    if (before) name.focus();
  }

  /**
   * @param {string | undefined} id
   * @param {string} value
   * @param {string} placeholder
   * @param {Record<string, unknown>} [attributes]
   */
  makeInput(id, value, placeholder, attributes = {}) {
    return h("input", {
      id,
      class: "code",
      value,
      placeholder,
      spellcheck: "false",
      autocapitalize: "off",
      autocomplete: "off",
      ...attributes,
    });
  }

  renderMore() {
    const { settings, onchange } = this.options;
    this.more.replaceChildren(
      makeCheckbox("Reconnect when it is lost", settings.reconnects, (isOn) => {
        settings.reconnects = isOn;
        onchange();
      }),
    );
    if (this.endpoint.subprotocols.includes("chanx.heartbeat")) {
      this.more.append(
        makeCheckbox("Answer heartbeats", settings.answersPings, (isOn) => {
          settings.answersPings = isOn;
          onchange();
        }),
      );
    }
    if (!this.endpoint.is_described) {
      const input = this.makeInput(`${this.options.id}-subprotocols`, settings.subprotocols, "none");
      input.addEventListener("input", () => {
        settings.subprotocols = input.value;
        onchange();
      });
      this.more.prepend(row(h("label", { for: input.id }, "Subprotocols"), input));
    }
  }

  /**
   * Keeps what the open connection was made of from being changed; only its token can be.
   *
   * @param {string | null} key The button that ends the connection; null: nothing is locked.
   */
  lock(key) {
    const isLocked = key !== null;
    this.locked.hidden = !isLocked;
    this.locked.textContent = isLocked ? `${key} to change these.` : "";
    for (const each of this.element.querySelectorAll("input, select, button.add, .pair button")) {
      if (each !== this.auth.token && !each.closest(".more .check, .show-token")) each.toggleAttribute("disabled", isLocked);
    }
  }

  /** Returns the path as it stands in the settings, in parts. */
  getPath() {
    return fillPath(this.endpoint, this.options.settings.parameters);
  }
}

/**
 * @param {PageData} data
 * @param {Settings} settings
 * @returns {Endpoint}
 */
function findEndpoint(data, settings) {
  const found = data.endpoints.find((each) => each.name === settings.endpoint) ?? data.endpoints[0];
  if (!found) throw new Error("There are no endpoints");
  settings.endpoint = found.name;
  return found;
}
