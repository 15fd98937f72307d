// Parts that forms are made of.

import { h } from "../dom.js";

/**
 * Returns a label with its controls.
 *
 * @param {HTMLElement} label
 * @param {...HTMLElement} controls
 */
export function row(label, ...controls) {
  label.classList.add("row-label");
  return h("div", { class: "row" }, label, h("div", { class: "row-controls" }, controls));
}

/** What is wrong with a field that only a server can tell to be needed. */
export const EMPTY = "Empty: fill it in, or connect anyway.";

/**
 * Shows at a field what is wrong with it; null: nothing.
 *
 * @param {HTMLElement} input
 * @param {HTMLElement} error Its description.
 * @param {string | null} problem
 */
export function tell(input, error, problem) {
  error.textContent = problem ?? "";
  error.hidden = problem === null;
  if (problem === null) input.removeAttribute("aria-invalid");
  else input.setAttribute("aria-invalid", "true");
}

/**
 * @param {string} text
 * @param {boolean} isOn
 * @param {(isOn: boolean) => void} onchange
 */
export function makeCheckbox(text, isOn, onchange) {
  const input = h("input", { type: "checkbox", checked: isOn, onchange: () => onchange(input.checked) });
  return h("label", { class: "check" }, input, text);
}
