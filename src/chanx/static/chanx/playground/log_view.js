// The log of one connection, as rows that unfold. Rows are made once per picture, however many
// frames come in between.

import { announce, append, copy, h } from "../dom.js";
import { cut, isJson } from "./json_text.js";
import { MOST_FRAMES, formatSize, passes } from "./log.js";

/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {import("./log.js").Log} Log */

const CHEAP = 8;
const LONGEST_PREVIEW = 300;
const LONGEST_SHOWN = 20_000;
const WORDS = { sent: "Sent", received: "Received", event: "Event" };
const ARROWS = { sent: "↑", received: "↓", event: "•" };

export class LogView {
  /**
   * @param {object} options
   * @param {string} options.id
   * @param {Log} options.log
   * @param {() => Record<string, unknown>} options.getContext What an export says beside the frames.
   */
  constructor({ id, log, getContext }) {
    this.id = id;
    this.log = log;
    this.getContext = getContext;
    /** @type {import("./log.js").Filter} */
    this.filter = { text: "", direction: "", action: "" };
    this.isRaw = false;
    this.isSticky = true;
    this.isAsked = false;
    /** Milliseconds that the last picture took. */
    this.cost = 0;
    /** The last frame that was looked at for a row. */
    this.lastId = 0;
    this.unseen = 0;
    this.shownActions = "";
    this.list = h("ol", {
      class: "frames",
      "aria-label": "Frames",
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.move(event),
      onscroll: () => this.look(),
    });
    this.empty = h("p", { class: "empty muted" });
    this.latest = h("button", { type: "button", class: "latest", hidden: true, onclick: () => this.jump() });
    this.count = h("span", { class: "muted small count" });
    this.element = h(
      "section",
      { class: "log", "aria-label": "Log" },
      this.makeBar(),
      h("div", { class: "frames-place" }, this.list, this.empty, this.latest),
    );
    log.onadd = () => this.ask();
    this.render();
  }

  makeBar() {
    this.text = h("input", {
      type: "search",
      class: "filter-text",
      placeholder: "Filter",
      "aria-label": "Filter by text",
      oninput: () => this.setFilter({ text: this.text.value.toLowerCase() }),
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key !== "Escape") return;
        this.text.value = "";
        this.setFilter({ text: "" });
      },
    });
    this.direction = h(
      "select",
      {
        "aria-label": "Filter by direction",
        onchange: () => this.setFilter({ direction: /** @type {any} */ (this.direction.value) }),
      },
      h("option", { value: "" }, "Both ways"),
      h("option", { value: "sent" }, "Sent"),
      h("option", { value: "received" }, "Received"),
    );
    this.action = h("select", {
      "aria-label": "Filter by action",
      onchange: () => this.setFilter({ action: this.action.value }),
    });
    const raw = h("button", { type: "button", class: "quiet small", "aria-pressed": "false" }, "Raw");
    raw.addEventListener("click", () => {
      this.isRaw = !this.isRaw;
      raw.setAttribute("aria-pressed", String(this.isRaw));
      this.render();
    });
    return h(
      "div",
      { class: "log-bar" },
      h("h3", {}, "Log"),
      this.count,
      h(
        "div",
        { class: "log-tools" },
        raw,
        h("button", { type: "button", class: "quiet small", onclick: () => this.export() }, "Export"),
        h("button", { type: "button", class: "quiet small", onclick: () => this.clear() }, "Clear"),
      ),
      h("div", { class: "log-filters" }, this.text, this.direction, this.action),
    );
  }

  /** @param {Partial<import("./log.js").Filter>} change */
  setFilter(change) {
    this.filter = { ...this.filter, ...change };
    this.render();
  }

  clear() {
    this.log.clear();
    this.render();
    announce("The log is empty");
  }

  ask() {
    if (this.isAsked) return;
    this.isAsked = true;
    const show = () => {
      this.isAsked = false;
      const start = performance.now();
      this.update();
      this.cost = performance.now() - start;
    };
    // Under a flood the page has three times as long for everything else.
    if (this.cost < CHEAP) requestAnimationFrame(show);
    else setTimeout(() => requestAnimationFrame(show), this.cost * 3);
  }

  /** Makes all rows anew. */
  render() {
    this.list.replaceChildren();
    this.lastId = 0;
    this.unseen = 0;
    this.isSticky = true;
    this.update();
  }

  /** Makes rows for the frames that came since, and drops those of frames that are gone. */
  update() {
    const { frames } = this.log;
    const oldest = frames[0]?.id ?? Infinity;
    for (let first; (first = this.list.firstElementChild) && Number(getId(first)) < oldest; ) first.remove();
    const from = frames.length - Math.min(frames.length, (frames.at(-1)?.id ?? 0) - this.lastId);
    const fresh = frames.slice(from).filter((frame) => passes(frame, this.filter));
    this.list.append(...fresh.map((frame) => this.makeRow(frame)));
    this.lastId = frames.at(-1)?.id ?? this.lastId;
    this.list.classList.toggle("many", this.list.childElementCount > 200);
    if (this.isSticky) this.list.scrollTop = this.list.scrollHeight;
    else this.unseen += fresh.length;
    this.keepOneInTabOrder();
    this.showCounts();
    this.showActions();
  }

  showCounts() {
    const { frames, dropped } = this.log;
    const shown = this.list.childElementCount;
    const parts = [shown === frames.length ? `${shown}` : `${shown} of ${frames.length}`];
    if (dropped) parts.push(`${dropped.toLocaleString("en")} older dropped`);
    this.count.textContent = frames.length ? parts.join(" · ") : "";
    this.count.title = dropped ? `The last ${MOST_FRAMES} are kept` : "";
    this.empty.hidden = shown > 0;
    this.empty.textContent = frames.length
      ? "No frame passes the filter."
      : "Nothing yet. Connect, and every frame appears here with its time, size and latency.";
    this.latest.hidden = this.unseen === 0;
    this.latest.textContent = `${this.unseen} new ↓`;
  }

  showActions() {
    const actions = [...this.log.actions].sort();
    const key = JSON.stringify(actions);
    if (key === this.shownActions) return;
    this.shownActions = key;
    this.action.replaceChildren(
      h("option", { value: "" }, "All messages"),
      h("option", { value: "-" }, "Without chanx’s own"),
      ...actions.map((action) => h("option", { value: `=${action}` }, action)),
    );
    this.action.value = this.filter.action;
    if (this.action.selectedIndex < 0) {
      this.action.value = "";
      this.setFilter({ action: "" });
    }
  }

  look() {
    const { scrollTop, scrollHeight, clientHeight } = this.list;
    this.isSticky = scrollHeight - scrollTop - clientHeight < 24;
    if (!this.isSticky) return;
    this.unseen = 0;
    this.latest.hidden = true;
  }

  jump() {
    this.isSticky = true;
    this.list.scrollTop = this.list.scrollHeight;
    this.look();
  }

  /** @param {Frame} frame */
  makeRow(frame) {
    const { direction, text, action, latency, isBinary, size } = frame;
    const time = new Date(frame.time);
    if (direction === "event") {
      return h(
        "li",
        { class: "frame event", "data-id": frame.id },
        h("time", { datetime: time.toISOString() }, formatTime(time)),
        h("span", {}, text),
      );
    }
    const details = h("details", {});
    append(
      details,
      h(
        "summary",
        { tabindex: "-1" },
        h("span", { class: "way", "aria-hidden": "true" }, ARROWS[direction]),
        h("span", { class: "visually-hidden" }, WORDS[direction]),
        h("time", { datetime: time.toISOString() }, formatTime(time)),
        h("span", { class: `badge ${isBad(frame) ? "bad" : direction}` }, isBinary ? "binary" : (action ?? "—")),
        h("span", { class: "preview" }, this.makePreview(frame)),
        h(
          "span",
          { class: "figures" },
          latency !== null &&
            h("span", { class: "latency", title: "Since the message before it was sent" }, `+${formatLatency(latency)}`),
          h("span", {}, formatSize(size)),
        ),
      ),
    );
    details.addEventListener("toggle", () => {
      if (details.open && details.childElementCount === 1) this.unfold(details, frame);
      if (details.open) this.reveal(details);
    });
    return h("li", { class: `frame ${direction}`, "data-id": frame.id }, details);
  }

  /**
   * Returns the beginning of a frame, without the action that stands beside it.
   *
   * @param {Frame} frame
   */
  makePreview({ text, action }) {
    const line = text.slice(0, LONGEST_PREVIEW).replace(/\s+/g, " ");
    const start = `{${JSON.stringify(this.log.actionKey)}:${JSON.stringify(action)},"payload":`;
    if (text.length > LONGEST_PREVIEW) return `${line.startsWith(start) ? line.slice(start.length) : line}…`;
    return line.startsWith(start) ? line.slice(start.length, -1) : line;
  }

  /**
   * @param {HTMLDetailsElement} details
   * @param {Frame} frame
   */
  unfold(details, frame) {
    const pre = h("pre", { tabindex: "0", "aria-label": "Text of the frame" });
    const isPretty = !this.isRaw && frame.text.length <= 500_000 && isJson(frame.text);
    const rest = isPretty ? showPretty(pre, frame.text) : showRaw(pre, frame.text);
    const button = h("button", { type: "button", class: "quiet small", onclick: () => copy(button, frame.text) }, "Copy");
    append(
      details,
      h(
        "div",
        { class: "unfolded" },
        pre,
        h(
          "div",
          { class: "unfolded-foot" },
          button,
          rest > 0 && h("span", { class: "muted small" }, `Cut here. Copy gives all of its ${formatSize(frame.size)}.`),
        ),
      ),
    );
  }

  /**
   * Scrolls the list, and not the page, until a row is seen, or at least its beginning.
   *
   * @param {HTMLElement} row
   */
  reveal(row) {
    const inner = row.getBoundingClientRect();
    const outer = this.list.getBoundingClientRect();
    const hidden = Math.min(inner.bottom - outer.bottom, inner.top - outer.top);
    if (hidden > 0) this.list.scrollTop += hidden;
  }

  keepOneInTabOrder() {
    if (this.list.querySelector('summary[tabindex="0"]')) return;
    this.list.querySelector("li:last-child summary, summary")?.setAttribute("tabindex", "0");
  }

  /** @param {KeyboardEvent} event */
  move(event) {
    const target = event.target;
    if (!(target instanceof HTMLElement) || target.tagName !== "SUMMARY") return;
    const rows = [...this.list.querySelectorAll("summary")];
    const at = rows.indexOf(target);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    const next = to === undefined ? undefined : rows[to];
    if (!next) return;
    event.preventDefault();
    target.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  }

  export() {
    const content = { ...this.getContext(), ...this.log.export() };
    const blob = new Blob([JSON.stringify(content, null, 2)], { type: "application/json" });
    const url = URL.createObjectURL(blob);
    const time = new Date().toISOString().replace(/[:.]/g, "-");
    h("a", { href: url, download: `websocket-log-${time}.json` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
    announce("The log was exported");
  }
}

/** @param {Element} element */
const getId = (element) => element.getAttribute("data-id");

/** @param {Date} time */
function formatTime(time) {
  const pad = (/** @type {number} */ number, length = 2) => String(number).padStart(length, "0");
  return `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}.${pad(time.getMilliseconds(), 3)}`;
}

/** @param {number} milliseconds */
function formatLatency(milliseconds) {
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`;
  return milliseconds < 10_000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/**
 * Tells whether the server says no.
 *
 * @param {Frame} frame
 */
function isBad({ direction, action, text }) {
  if (direction !== "received") return false;
  return action === "error" || (action === "authentication" && !/"status_?code"\s*:\s*200\b/i.test(text));
}

/**
 * Returns how many characters are not shown.
 *
 * @param {HTMLElement} pre
 * @param {string} text
 */
function showRaw(pre, text) {
  pre.textContent = text.slice(0, LONGEST_SHOWN);
  return Math.max(text.length - LONGEST_SHOWN, 0);
}

/**
 * @param {HTMLElement} pre
 * @param {string} text
 */
function showPretty(pre, text) {
  let shown = 0;
  let rest = 0;
  for (const { text: part, kind } of cut(text)) {
    const room = Math.max(LONGEST_SHOWN - shown, 0);
    if (room) append(pre, kind ? h("span", { class: `json-${kind}` }, part.slice(0, room)) : part.slice(0, room));
    shown += part.length;
    rest += Math.max(part.length - room, 0);
  }
  return rest;
}
