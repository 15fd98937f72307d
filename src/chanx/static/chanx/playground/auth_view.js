// How a connection says who it is for, as a part of its settings.

import { append, h } from "../dom.js";
import { KINDS, isOpen, isTaken, nameKind } from "./credentials.js";
import { EMPTY, row, tell } from "./rows.js";

/** @typedef {import("./types.js").AuthKind} AuthKind */
/** @typedef {import("./types.js").Endpoint} Endpoint */
/** @typedef {import("./types.js").PageData} PageData */
/** @typedef {import("./types.js").Settings} Settings */

const KEEPING = "Kept nowhere: a reload forgets it.";

export class AuthView {
  /**
   * @param {object} options
   * @param {string} options.id Begins the ids of all elements.
   * @param {PageData} options.data
   * @param {Settings} options.settings Is changed in place.
   * @param {() => void} options.onchange
   * @param {() => void} options.ontoken
   * @param {(token: string) => void} options.onrenew
   */
  constructor(options) {
    this.options = options;
    const { id } = options;
    /** @type {Endpoint | null} */
    this.endpoint = null;
    /** The only place that a token is in. */
    this.token = h("input", {
      id: `${id}-token`,
      type: "password",
      class: "code",
      autocomplete: "off",
      spellcheck: "false",
      autocapitalize: "off",
      "aria-describedby": `${id}-token-note ${id}-token-error`,
      required: true,
      oninput: () => {
        tell(this.token, this.error, null);
        options.onchange();
      },
      onchange: () => options.ontoken(),
    });
    this.renewal = h(
      "button",
      { type: "button", hidden: true, onclick: () => options.onrenew(this.token.value) },
      "Send as a message now",
    );
    this.error = h("p", { class: "error", id: `${id}-token-error`, hidden: true });
    this.note = h("div", { class: "hint", id: `${id}-auth-note` });
    this.select = h("select", {
      id: `${id}-auth`,
      "aria-describedby": this.note.id,
      onchange: () => this.choose(),
    });
    this.tokenRow = row(
      h("label", { for: this.token.id }, "Token"),
      h("div", { class: "with-button" }, this.token, this.makeToggle()),
      h("p", { class: "hint", id: `${id}-token-note` }, KEEPING),
      this.error,
      this.renewal,
    );
    this.element = h(
      "div",
      { class: "auth" },
      row(h("label", { for: this.select.id }, "Authenticate with"), this.select, this.note),
      this.tokenRow,
    );
  }

  makeToggle() {
    const toggle = h("button", { type: "button", class: "show-token", "aria-pressed": "false" }, "Show");
    toggle.addEventListener("click", () => {
      const isShown = this.token.type === "text";
      this.token.type = isShown ? "password" : "text";
      toggle.setAttribute("aria-pressed", String(!isShown));
    });
    return toggle;
  }

  /** @param {Endpoint} endpoint */
  render(endpoint) {
    this.endpoint = endpoint;
    const { settings } = this.options;
    const all = /** @type {AuthKind[]} */ (Object.keys(KINDS));
    // Others than the endpoint takes can be tried; but not one that puts the token where logs are.
    const kinds = endpoint.is_described
      ? all.filter((kind) => kind !== "query" || isTaken(endpoint, kind))
      : all.slice(0, 1);
    if (!kinds.includes(settings.auth)) settings.auth = "session";
    const options = kinds.map((kind) => {
      // Where nobody is asked, the session stands for "nothing to show".
      const isRefused = isTaken(endpoint, kind) === false && !(kind === "session" && isOpen(endpoint));
      return h("option", { value: kind }, nameKind(endpoint, kind), isRefused && " (not taken here)");
    });
    this.select.replaceChildren(...options);
    this.select.value = settings.auth;
    this.explain();
  }

  choose() {
    this.options.settings.auth = /** @type {AuthKind} */ (this.select.value);
    this.explain();
    this.options.onchange();
  }

  /** Whether nothing would be shown to the endpoint: no token, or no session where one is needed. */
  get isIncomplete() {
    const { settings, data } = this.options;
    if (settings.auth !== "session") return this.token.value.trim() === "";
    return data.user === null && (this.endpoint?.needs_login ?? false);
  }

  /** Shows whether the token that was chosen is missing, and tells whether it is there. */
  check() {
    const isMissing = this.options.settings.auth !== "session" && this.isIncomplete;
    tell(this.token, this.error, isMissing ? EMPTY : null);
    return !isMissing;
  }

  explain() {
    const { settings } = this.options;
    const security = this.endpoint?.security ?? [];
    this.tokenRow.hidden = settings.auth === "session";
    this.note.replaceChildren();
    this.note.classList.toggle("warn", settings.auth === "session" && this.isIncomplete);
    tell(this.token, this.error, null);
    if (this.endpoint && isOpen(this.endpoint)) append(this.note, "The endpoint asks nobody who they are.");
    else if (settings.auth === "session") this.explainSession();
    else append(this.note, "The browser sends its cookies beside it. ", getSchemes(security));
    if (security.length && security.every((each) => each.location === "header")) {
      const text = "This endpoint takes credentials in a header only, which browsers cannot send.";
      append(this.note, h("p", {}, text));
    }
  }

  explainSession() {
    const { user, login_url: link, server } = this.options.data;
    const isElsewhere = new URL(server).host !== location.host;
    if (user === null) {
      append(this.note, "Nobody is logged in on this site. ");
      append(this.note, link === null ? "Log in" : makeLoginLink(link, "Log in"), ", or choose a token. ");
    } else {
      append(this.note, "Logged in as ", h("strong", {}, user), ". ");
      if (!isElsewhere) append(this.note, "The browser sends its cookies by itself.");
    }
    if (isElsewhere) append(this.note, "The sockets are on another host, to which cookies may not go.");
  }
}

/**
 * Returns a link to the login, which comes back to the page as it is when the link is followed.
 *
 * @param {string} url
 * @param {string} text
 */
export function makeLoginLink(url, text) {
  const link = h("a", {}, text);
  const update = () => {
    const target = new URL(url, location.href);
    target.searchParams.set("next", location.pathname + location.search);
    link.href = target.href;
  };
  update();
  // Before a click, a menu or a key makes use of it.
  link.addEventListener("pointerdown", update);
  link.addEventListener("keydown", update);
  return link;
}

/**
 * Returns what to write before a token where several kinds are taken.
 *
 * @param {Endpoint["security"]} security
 */
function getSchemes(security) {
  const schemes = new Set(security.filter((each) => each.kind === "token").map((each) => each.scheme));
  const [first, ...others] = schemes;
  if (!others.length) return "";
  const words = others.map((each) => `“${each} …”`).join(", ");
  return `Several kinds of token are taken. One without a word before it counts as “${first}”; write ${words} for another.`;
}
