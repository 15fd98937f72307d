// The button that removes a connection. Its log is gone for good, so where there is one it asks.

import { announce, h } from "../dom.js";

export class RemoveButton {
  element = h("button", { type: "button" });
  number = 0;
  isAsking = false;

  /**
   * @param {object} options
   * @param {() => boolean} options.isAsked Whether there is something to be lost.
   * @param {() => void} options.onremove
   */
  constructor({ isAsked, onremove }) {
    this.element.addEventListener("click", (event) => {
      if (event.detail > 1) return;
      if (this.isAsking || !isAsked()) onremove();
      else this.ask();
    });
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.show(false);
    });
    this.element.addEventListener("blur", () => this.show(false));
    this.show(false);
  }

  /** @param {number} number Of the connection. */
  setNumber(number) {
    this.number = number;
    this.show(this.isAsking);
  }

  ask() {
    this.show(true);
    this.element.focus(); // not every browser does so at a click
    announce("Press again to remove the connection and its log");
  }

  /** @param {boolean} isAsking */
  show(isAsking) {
    this.isAsking = isAsking;
    const name = `Remove connection ${this.number}`;
    this.element.textContent = isAsking ? "Remove" : "×";
    this.element.setAttribute("aria-label", isAsking ? `${name} and its log` : name);
    this.element.className = isAsking ? "danger remove" : "quiet icon remove";
  }
}
