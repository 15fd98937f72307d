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

/**
 * @param {string} text
 * @param {boolean} isOn
 * @param {(isOn: boolean) => void} onchange
 */
export function makeCheckbox(text, isOn, onchange) {
  const input = h("input", { type: "checkbox", checked: isOn, onchange: () => onchange(input.checked) });
  return h("label", { class: "check" }, input, text);
}
