// The log of one connection, as rows that unfold. Rows are made once per picture, however many
// frames come in between.

import { announce, h } from "../dom.js";
import { MOST_FRAMES, passes } from "./log.js";
import { LogNews } from "./log_news.js";
import { makeRow, refill } from "./log_row.js";

/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {import("./log.js").Log} Log */

const CHEAP = 8;
/** Milliseconds in which a cleared log can be had back. */
const UNDO_TIME = 30_000;

export class LogView {
  clearButton = h("button", { type: "button", class: "quiet small", onclick: () => this.clear() }, "Clear");
  undoButton = h("button", { type: "button", class: "quiet small", hidden: true, onclick: () => this.undo() }, "Undo");
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  undoTimer = undefined;
  /** @type {(() => void) | null} Brings back what was cleared. */
  restore = null;

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
    /** Whether the list follows what comes. */
    this.isSticky = true;
    /** @type {Element | null} A row that stays where it is, whatever comes: it is read. */
    this.held = null;
    /** @type {Map<number, HTMLLIElement>} Unfolded rows, those that do not pass the filter too. */
    this.unfolded = new Map();
    /** @type {{id: number, offset: number} | null} Where a row was before filtering; null: the end was in view. */
    this.anchor = null;
    this.isAsked = false;
    /** Milliseconds that the last picture took. */
    this.cost = 0;
    /** The last frame that was looked at for a row. */
    this.lastId = 0;
    this.unseen = 0;
    this.news = new LogNews(() => this.element.isConnected);
    /** @type {import("./log_row.js").RowOptions} */
    this.rowOptions = {
      actionKey: log.actionKey,
      isRaw: () => this.isRaw,
      ontoggle: (row, isOpen) => this.followRow(row, isOpen),
    };
    this.shownActions = "";
    this.list = h("ol", {
      class: "frames",
      "aria-label": "Frames",
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.move(event),
      onscroll: () => this.look(),
      onfocusin: (/** @type {FocusEvent} */ event) => this.holdFocused(event.target),
      onfocusout: (/** @type {FocusEvent} */ event) => this.release(event.relatedTarget),
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
    log.onadd = (frame) => {
      this.ask();
      this.news.tell(frame);
    };
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
      h("option", { value: "" }, "Sent and received"),
      h("option", { value: "sent" }, "Sent"),
      h("option", { value: "received" }, "Received"),
    );
    this.action = h("select", {
      "aria-label": "Filter by action",
      onchange: () => this.setFilter({ action: this.action.value }),
    });
    const raw = h("button", { type: "button", class: "quiet small", "aria-pressed": "false" }, "Raw text");
    raw.addEventListener("click", () => {
      this.isRaw = !this.isRaw;
      raw.setAttribute("aria-pressed", String(this.isRaw));
      this.refill();
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
        // Before the other, which stays under the pointer.
        this.undoButton,
        this.clearButton,
      ),
      h("div", { class: "log-filters" }, this.text, this.direction, this.action),
    );
  }

  /** @param {Partial<import("./log.js").Filter>} change */
  setFilter(change) {
    this.filter = { ...this.filter, ...change };
    this.render();
  }

  /** @param {number} number Of the connection. */
  setNumber(number) {
    this.news.number = number;
    this.element.setAttribute("aria-label", `Log of connection ${number}`);
  }

  clear() {
    if (!this.log.frames.length) {
      announce("The log is empty");
      return;
    }
    clearTimeout(this.undoTimer);
    this.restore = this.log.clear();
    this.undoTimer = setTimeout(() => this.forget(), UNDO_TIME);
    this.undoButton.hidden = false;
    this.isSticky = true;
    this.held = null;
    this.anchor = null;
    this.unfolded.clear();
    this.render();
    announce("The log is empty. Undo brings it back.");
  }

  undo() {
    this.restore?.();
    this.forget();
    this.render();
    announce("The log is as it was");
  }

  /** Gives up what Undo would bring back. */
  forget() {
    clearTimeout(this.undoTimer);
    this.restore = null;
    if (document.activeElement === this.undoButton) this.clearButton.focus();
    this.undoButton.hidden = true;
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

  /** Makes all rows anew, but for those that are unfolded; the list stays where it is. */
  render() {
    // A list without anything to scroll to says nothing of where somebody wants to be.
    if (this.canScroll) this.anchor = this.isSticky ? null : this.findAnchor();
    for (const row of this.list.querySelectorAll("li")) {
      if (row.querySelector("details[open]")) this.unfolded.set(getId(row), row);
      else this.unfolded.delete(getId(row));
    }
    this.list.replaceChildren();
    this.lastId = 0;
    this.update();
    this.unseen = 0;
    this.latest.hidden = true;
    const { anchor } = this;
    if (!anchor) return;
    const row = [...this.list.children].find((each) => getId(each) >= anchor.id);
    if (row) this.list.scrollTop += this.getOffset(row) - anchor.offset;
  }

  /** Writes what is unfolded anew: as it came, or so that it is easy to read. */
  refill() {
    const frames = new Map(this.log.frames.map((frame) => [frame.id, frame]));
    for (const row of new Set([...this.list.children, ...this.unfolded.values()])) {
      const frame = frames.get(getId(row));
      if (frame) refill(row, frame, this.isRaw);
    }
  }

  /** Makes rows for the frames that came since, and drops those of frames that are gone. */
  update() {
    const { frames } = this.log;
    const oldest = frames[0]?.id ?? Infinity;
    for (const id of this.unfolded.keys()) if (id < oldest) this.unfolded.delete(id);
    this.dropBefore(oldest);
    const from = frames.length - Math.min(frames.length, (frames.at(-1)?.id ?? 0) - this.lastId);
    const fresh = frames.slice(from).filter((frame) => passes(frame, this.filter));
    this.list.append(...fresh.map((frame) => this.unfolded.get(frame.id) ?? makeRow(frame, this.rowOptions)));
    this.lastId = frames.at(-1)?.id ?? this.lastId;
    if (this.held && !this.held.isConnected) this.held = null;
    this.list.classList.toggle("many", this.list.childElementCount > 200);
    if (this.isSticky) this.list.scrollTop = this.list.scrollHeight;
    else this.unseen = this.isAtEnd ? 0 : this.unseen + fresh.length;
    this.keepOneInTabOrder();
    this.showCounts();
    this.showActions();
  }

  /** @param {number} oldest */
  dropBefore(oldest) {
    const hadFocus = this.list.contains(document.activeElement);
    for (let first; (first = this.list.firstElementChild) && getId(first) < oldest; ) first.remove();
    if (hadFocus && !this.list.contains(document.activeElement)) this.list.querySelector("summary")?.focus();
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
      ? "No matching frames."
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

  get canScroll() {
    return this.list.scrollHeight > this.list.clientHeight;
  }

  get isAtEnd() {
    const { scrollTop, scrollHeight, clientHeight } = this.list;
    return scrollHeight - scrollTop - clientHeight < 24;
  }

  look() {
    if (!this.canScroll) return;
    if (this.held && !this.isInView(this.held)) this.held = null;
    this.isSticky = this.isAtEnd && !this.held;
    if (!this.isAtEnd) return;
    this.unseen = 0;
    this.latest.hidden = true;
  }

  /** Returns the row that is read, or the first that is wholly in view, and where it is. */
  findAnchor() {
    const rows = [...this.list.children];
    const row = this.held ?? rows.find((each) => this.getOffset(each) >= 0) ?? rows.at(-1);
    return row ? { id: getId(row), offset: this.getOffset(row) } : null;
  }

  /**
   * Returns how far below the top of the list a row begins.
   *
   * @param {Element} row
   */
  getOffset(row) {
    return row.getBoundingClientRect().top - this.list.getBoundingClientRect().top;
  }

  /** @param {Element} row */
  isInView(row) {
    const inner = row.getBoundingClientRect();
    const outer = this.list.getBoundingClientRect();
    return inner.bottom > outer.top && inner.top < outer.bottom;
  }

  /**
   * Keeps a row where it is, whatever comes.
   *
   * @param {Element | null} row
   */
  hold(row) {
    this.held = row;
    this.isSticky = false;
  }

  /**
   * @param {HTMLElement} row
   * @param {boolean} isOpen
   */
  followRow(row, isOpen) {
    if (isOpen) {
      this.hold(row);
      this.reveal(row);
    } else if (this.held === row) {
      this.held = null;
      this.isSticky = this.isAtEnd;
    }
  }

  /** @param {EventTarget | null} target */
  holdFocused(target) {
    if (target instanceof Element && target.matches(":focus-visible")) this.hold(target.closest("li"));
  }

  /** @param {EventTarget | null} next What gets the focus. */
  release(next) {
    if (next instanceof Node && this.list.contains(next)) return;
    if (this.held?.querySelector("details[open]")) return;
    this.held = null;
    this.isSticky = this.isAtEnd;
  }

  /** Goes to the newest frame, and follows what comes. */
  jump() {
    this.findLast()?.focus();
    this.held = null;
    this.isSticky = true;
    this.list.scrollTop = this.list.scrollHeight;
    this.unseen = 0;
    this.latest.hidden = true;
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

  /** Lets Tab lead to the newest row, unless somebody is in the list. */
  keepOneInTabOrder() {
    const current = this.list.querySelector('summary[tabindex="0"]');
    if (current && this.list.contains(document.activeElement)) return;
    current?.setAttribute("tabindex", "-1");
    this.findLast()?.setAttribute("tabindex", "0");
  }

  /** Returns the newest row that can be unfolded. */
  findLast() {
    let row = this.list.lastElementChild;
    while (row && !row.querySelector("summary")) row = row.previousElementSibling;
    return row?.querySelector("summary") ?? null;
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
const getId = (element) => Number(element.getAttribute("data-id"));
