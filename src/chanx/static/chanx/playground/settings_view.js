// The settings of one connection, as a form.

import { append, h } from "../dom.js";
import { AuthView } from "./auth_view.js";
import { fillPath, findProblem, getQueryParameters, isSecretName } from "./endpoints.js";
import { makeCheckbox, row } from "./rows.js";

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
    this.element = h(
      "form",
      { class: "settings", id: `${id}-settings`, autocomplete: "off", novalidate: true },
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
    field.error.textContent = problem ?? "";
    field.error.hidden = problem === null;
    if (problem === null) field.input.removeAttribute("aria-invalid");
    else field.input.setAttribute("aria-invalid", "true");
    return problem === null;
  }

  /** Shows all that is wrong, goes to the first of it, and tells whether nothing is. */
  checkAll() {
    const wrong = this.endpoint.parameters.filter((each) => !this.check(each, { isLenient: false }));
    if (wrong[0]) this.fields.get(wrong[0].name)?.input.focus();
    return wrong.length === 0;
  }

  /** Whether a parameter of the path has no value yet. */
  get isIncomplete() {
    return this.endpoint.parameters.some(({ name }) => !this.options.settings.parameters[name]);
  }

  renderQuery() {
    const { settings, onchange } = this.options;
    const declared = getQueryParameters(this.endpoint);
    this.query.replaceChildren();
    declared.forEach(({ name, description, isNeeded, hint, choices }, index) => {
      const found = settings.query.find((each) => each[0] === name);
      const input = this.makeInput(`q${index}`, found?.[1] ?? "", hint && `default ${hint}`);
      input.addEventListener("input", () => {
        settings.query = settings.query.filter((each) => each[0] !== name);
        if (input.value !== "") settings.query.push([name, input.value]);
        onchange();
      });
      const allowed = choices.length ? `One of: ${choices.join(", ")}.` : "";
      const note = [description, allowed, isNeeded ? "Needed." : "", isSecretName(name) ? NOT_KEPT : ""];
      this.query.append(
        row(
          h("label", { for: input.id }, `?${name}`),
          input,
          h("p", { class: "hint" }, note.filter(Boolean).join(" ")),
        ),
      );
    });
    const names = new Set(declared.map((each) => each.name));
    for (const pair of settings.query) if (!names.has(pair[0])) this.addQueryRow(pair);
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
   * @param {[string, string]} pair Is changed in place.
   * @param {HTMLElement} [before] The button that asked for it.
   */
  addQueryRow(pair, before) {
    const { settings, onchange } = this.options;
    const hint = h("p", { class: "hint" });
    const name = this.makeInput("", pair[0], "name", "Name of a query parameter");
    const value = this.makeInput("", pair[1], "value", "Its value");
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
   * @param {string} suffix
   * @param {string} value
   * @param {string} placeholder
   * @param {string} [label]
   */
  makeInput(suffix, value, placeholder, label) {
    return h("input", {
      id: suffix && `${this.options.id}-${suffix}`,
      class: "code",
      value,
      placeholder,
      spellcheck: "false",
      autocapitalize: "off",
      "aria-label": label,
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
      const input = this.makeInput("subprotocols", settings.subprotocols, "none");
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
   * @param {boolean} isLocked
   */
  lock(isLocked) {
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
