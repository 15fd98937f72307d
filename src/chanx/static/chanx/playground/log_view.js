// The log of one connection, as rows that unfold. Rows are made once per picture, however many
// frames come in between.

import { announce, append, copy, h } from "../dom.js";
import { cut, isJson } from "./json_text.js";
import { LONGEST_BINARY, MOST_FRAMES, STANDARD, formatSize, passes } from "./log.js";

/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {import("./log.js").Log} Log */

const CHEAP = 8;
const LONGEST_PREVIEW = 300;
const LONGEST_SHOWN = 20_000;
/** Milliseconds between news of others' frames, and what is the most. */
const FIRST_PAUSE = 2_000;
const LONGEST_PAUSE = 60_000;
/** Milliseconds in which a cleared log can be had back. */
const UNDO_TIME = 30_000;
const WORDS = { sent: "Sent", received: "Received", event: "Event" };
const ARROWS = { sent: "↑", received: "↓", event: "•" };

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
    /** The frame that the list began with before it was filtered; 0: the end was in view. */
    this.firstId = 0;
    this.isAsked = false;
    /** Milliseconds that the last picture took. */
    this.cost = 0;
    /** The last frame that was looked at for a row. */
    this.lastId = 0;
    this.unseen = 0;
    /** How many of others' frames screen readers have not been told of. */
    this.untold = 0;
    this.pause = FIRST_PAUSE;
    this.isPausing = false;
    this.number = 0;
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
      this.tell(frame);
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
    this.number = number;
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
    this.firstId = 0;
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

  /**
   * Says to screen readers what an answer or an error is, and of all else only how much there is,
   * ever more rarely while nobody sends anything.
   *
   * @param {Frame} frame
   */
  tell(frame) {
    const { direction, action, latency } = frame;
    if (direction === "sent" && action !== "pong") this.pause = FIRST_PAUSE;
    // What the status says is not said twice, and of heartbeats nothing.
    if (direction !== "received" || action === "authentication" || action === "ping") return;
    const name = frame.isBinary ? "binary" : (action ?? "text");
    if (latency !== null) this.say(`answered, ${name}, ${formatLatency(latency)}`);
    else if (isBad(frame)) this.say(`received, ${name}`);
    else if (action === null || !STANDARD.has(action)) {
      this.untold += 1;
      this.tellCount();
    }
  }

  tellCount() {
    if (this.isPausing) return;
    this.isPausing = true;
    setTimeout(() => {
      this.isPausing = false;
      this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
      this.say(this.untold === 1 ? "1 new frame" : `${this.untold} new frames`);
      this.untold = 0;
    }, this.pause);
  }

  /** @param {string} text */
  say(text) {
    if (this.element.isConnected) announce(`Connection ${this.number}: ${text}`);
  }

  /** Makes all rows anew, but for those that are unfolded; the list stays where it is. */
  render() {
    // A list without anything to scroll to says nothing of where somebody wants to be.
    if (this.canScroll) this.firstId = this.isSticky ? 0 : this.findFirstId();
    for (const row of this.list.querySelectorAll("li")) {
      if (row.querySelector("details[open]")) this.unfolded.set(getId(row), row);
      else this.unfolded.delete(getId(row));
    }
    this.list.replaceChildren();
    this.lastId = 0;
    this.update();
    this.unseen = 0;
    this.latest.hidden = true;
    if (!this.firstId) return;
    const row = [...this.list.children].find((each) => getId(each) >= this.firstId);
    if (row instanceof HTMLElement) this.list.scrollTop = row.offsetTop;
  }

  /** Writes what is unfolded anew: as it came, or so that it is easy to read. */
  refill() {
    const frames = new Map(this.log.frames.map((frame) => [frame.id, frame]));
    for (const row of new Set([...this.list.children, ...this.unfolded.values()])) {
      const frame = frames.get(getId(row));
      const details = row.querySelector("details");
      const old = details?.querySelector(".unfolded");
      if (!frame || !details || !old) continue;
      old.remove();
      if (details.open) this.unfold(details, frame);
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
    this.list.append(...fresh.map((frame) => this.unfolded.get(frame.id) ?? this.makeRow(frame)));
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

  /** Returns the first frame that is in view. */
  findFirstId() {
    const first = [...this.list.children].find((row) => this.isInView(row));
    return first ? getId(first) : 0;
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
        h("span", { class: `badge ${isBad(frame) ? "bad" : direction}`, title: action }, isBinary ? "binary" : (action ?? "—")),
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
    const row = h("li", { class: `frame ${direction}`, "data-id": frame.id }, details);
    details.addEventListener("toggle", () => {
      if (details.open) {
        if (details.childElementCount === 1) this.unfold(details, frame);
        this.hold(row);
        this.reveal(details);
      } else if (this.held === row) {
        this.held = null;
        this.isSticky = this.isAtEnd;
      }
    });
    return row;
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
    const kept = frame.isBinary ? Math.min(frame.size, LONGEST_BINARY) : frame.size;
    const all = kept < frame.size ? `the first ${formatSize(kept)} of ${formatSize(frame.size)}` : `all of its ${formatSize(kept)}`;
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
          rest > 0 && h("span", { class: "muted small" }, `Cut here. Copy gives ${all}.`),
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
