// Stands in the place of the form made of a schema.

import { h } from "../dom.js";

export class SchemaForm {
  /** @param {{schema: any, definitions: any, value: any, onchange: () => void}} options */
  constructor({ value, onchange }) {
    this.area = h("textarea", { class: "code", "aria-label": "Message", rows: "6", oninput: onchange });
    this.element = h("div", {}, this.area);
    this.setValue(value);
  }

  get value() {
    try {
      return JSON.parse(this.area.value);
    } catch {
      return this.area.value;
    }
  }

  /** @param {any} value */
  setValue(value) {
    this.area.value = JSON.stringify(value, null, 2);
  }

  /** @param {{path: (string | number)[], text: string}[]} problems */
  showProblems(problems) {
    return problems;
  }

  focusFirstProblem() {
    this.area.focus();
  }
}
