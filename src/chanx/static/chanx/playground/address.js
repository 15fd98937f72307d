// Where a connection leads to, as it is and as it may be shown.

import { append, h } from "../dom.js";
import { getTokenParameter } from "./credentials.js";
import { isSecretName, makeQuery } from "./endpoints.js";
import { MASK } from "./secrets.js";
import { mayKeepSubprotocols, withoutSecrets } from "./state.js";

export class Address {
  /**
   * @param {object} options
   * @param {string} options.server
   * @param {import("./types.js").Settings} options.settings
   * @param {import("./settings_view.js").SettingsView} options.view
   * @param {import("./secrets.js").Secrets} options.secrets
   */
  constructor({ server, settings, view, secrets }) {
    this.server = server;
    this.settings = settings;
    this.view = view;
    this.secrets = secrets;
    this.element = h("code", { class: "url-text" });
  }

  /** Takes note of what may be a secret, before a server sends it back. */
  learn() {
    const { query, subprotocols, parameters } = this.settings;
    this.secrets.add(this.view.auth.token.value.trim());
    for (const [name, value] of [...query, ...Object.entries(parameters)]) {
      if (isSecretName(name) || this.secrets.names.has(name)) this.secrets.add(value);
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
    const url = this.server + path + makeQuery(rows);
    return isShown ? this.secrets.mask(url) : url;
  }

  /** Returns the path in parts, with no secret in it. */
  getShownPath() {
    return this.view.getPath().map((part) => ({
      ...part,
      text: part.name !== null && part.isFilled && isSecretName(part.name) ? MASK : part.text,
    }));
  }

  /** Returns what the parameters of the path are filled with, in short. */
  describe() {
    return this.getShownPath()
      .filter((part) => part.name !== null && part.isFilled)
      .map((part) => this.secrets.mask(decodeURIComponent(part.text)))
      .join(" · ");
  }

  show() {
    const parts = this.getShownPath();
    this.element.replaceChildren();
    append(
      this.element,
      h("span", { class: "server" }, this.server),
      parts.map(({ text, name, isFilled }) => {
        if (name === null) return text;
        const shown = this.secrets.mask(text);
        return [h("wbr"), h("span", { class: isFilled ? "filled" : "missing" }, shown)];
      }).flat(),
      makeQuery(this.getKept().query),
    );
  }
}
