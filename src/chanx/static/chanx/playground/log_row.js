// A frame of the log as a row, which unfolds.

import { append, copy, h } from "../dom.js";
import { cut, isJson } from "./json_text.js";
import { LONGEST_BINARY, formatLatency, formatSize, isBad } from "./log.js";

/** @typedef {import("./types.js").Frame} Frame */
/**
 * @typedef {object} RowOptions
 * @property {string} actionKey
 * @property {() => boolean} isRaw Whether texts are shown as they came.
 * @property {(row: HTMLLIElement, isOpen: boolean) => void} ontoggle
 */

const LONGEST_PREVIEW = 300;
const LONGEST_SHOWN = 20_000;
/** Beyond this a text is not parsed to be shown. */
const LONGEST_PRETTY = 500_000;
const WORDS = { sent: "Sent", received: "Received", event: "Event" };
const ARROWS = { sent: "↑", received: "↓", event: "•" };

/**
 * @param {Frame} frame
 * @param {RowOptions} options
 */
export function makeRow(frame, { actionKey, isRaw, ontoggle }) {
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
      h("span", { class: "preview" }, makePreview(frame, actionKey)),
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
    if (details.open && details.childElementCount === 1) unfold(details, frame, isRaw());
    ontoggle(row, details.open);
  });
  return row;
}

/**
 * Returns the beginning of a frame, without the action that stands beside it.
 *
 * @param {Frame} frame
 * @param {string} actionKey
 */
function makePreview({ text, action }, actionKey) {
  const line = text.slice(0, LONGEST_PREVIEW).replace(/\s+/g, " ");
  const start = `{${JSON.stringify(actionKey)}:${JSON.stringify(action)},"payload":`;
  if (text.length > LONGEST_PREVIEW) return `${line.startsWith(start) ? line.slice(start.length) : line}…`;
  return line.startsWith(start) ? line.slice(start.length, -1) : line;
}

/**
 * @param {HTMLDetailsElement} details
 * @param {Frame} frame
 * @param {boolean} isRaw
 */
function unfold(details, frame, isRaw) {
  const pre = h("pre", { tabindex: "0", "aria-label": "Text of the frame" });
  const isPretty = !isRaw && frame.text.length <= LONGEST_PRETTY && isJson(frame.text);
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
 * Writes anew what a row has unfolded.
 *
 * @param {Element} row
 * @param {Frame} frame
 * @param {boolean} isRaw
 */
export function refill(row, frame, isRaw) {
  const details = row.querySelector("details");
  const old = details?.querySelector(".unfolded");
  if (!details || !old) return;
  old.remove();
  if (details.open) unfold(details, frame, isRaw);
}

/** @param {Date} time */
function formatTime(time) {
  const pad = (/** @type {number} */ number, length = 2) => String(number).padStart(length, "0");
  return `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}.${pad(time.getMilliseconds(), 3)}`;
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
