// A form made of a schema: what is typed is a value, and a value is what is shown. No value is
// changed by being shown: what does not fit a field stands there as JSON.

import { h } from "../dom.js";
import { Slot } from "./fields.js";
import { findProblems, isPlaceOf } from "./form_problems.js";
import { makeField } from "./form_kinds.js";
import { resolve } from "./schema_shape.js";
import { writeJson } from "./schema_json.js";

/** @typedef {import("./schema_shape.js").Problem} Problem */
/** @typedef {import("./schema_shape.js").Schema} Schema */
/** @typedef {import("./schema_shape.js").Definitions} Definitions */

let formCount = 0;

export class SchemaForm {
  /** @type {Map<Slot, (string | number)[]>} Those with a problem, and what is wrong under them. */
  marked = new Map();

  /**
   * @param {object} options
   * @param {any} options.schema
   * @param {Definitions} options.definitions
   * @param {any} options.value Numbers may be RawJson, as parseJson reads them.
   * @param {() => void} options.onchange Is called when somebody has changed something.
   */
  constructor({ schema, definitions, value, onchange }) {
    this.schema = resolve(schema, definitions);
    formCount += 1;
    const prefix = `form-${formCount}`;
    let count = 0;
    this.context = {
      definitions,
      makeField,
      makeId: () => `${prefix}-${(count += 1)}`,
      /** Is called after each change. */
      onchange: () => onchange(),
    };
    // Fields of secrets belong into a <form>. Nothing is submitted: the composer sends.
    this.element = h("form", { class: "form", onsubmit: (/** @type {Event} */ event) => event.preventDefault() });
    this.slot = this.makeSlot(value);
  }

  /** The value as it is; numbers that JavaScript would write in another way are RawJson. */
  get value() {
    return this.slot.field.value;
  }

  /** The value as JSON, indented; what is no JSON yet stands in it as it was typed. */
  get text() {
    return writeJson(this.value, 2);
  }

  /** What is wrong with the form itself: texts that are no JSON yet, keys that stand twice. */
  get problems() {
    return findProblems(this.slot);
  }

  /**
   * Shows another value. Calls no listener.
   *
   * @param {any} value
   */
  setValue(value) {
    this.slot = this.makeSlot(value);
  }

  /** @param {any} value */
  makeSlot(value) {
    const slot = new Slot(this.context, { schema: this.schema, value, label: "Message", isRoot: true, isRequired: true });
    this.marked = new Map();
    this.element.replaceChildren(slot.element);
    return slot;
  }

  /**
   * Says at each field what is wrong with it, and nothing at the others.
   *
   * @param {Problem[]} problems
   * @returns {Problem[]} Those that belong to no field.
   */
  showProblems(problems) {
    for (const slot of this.marked.keys()) slot.mark([]);
    this.marked = new Map();
    /** @type {Map<Slot, string[]>} */
    const said = new Map();
    /** @type {Problem[]} */
    const left = [];
    const own = this.problems;
    for (const problem of [...own, ...problems]) {
      // JSON that does not end where a field is being written: said at the field.
      if ("line" in problem && own.length) continue;
      const { slot, rest } = this.slot.find(problem.path);
      if (slot === this.slot && !isPlaceOf(slot, problem)) {
        left.push(problem);
        if (rest.length) this.marked.set(slot, this.marked.get(slot) ?? rest);
        continue;
      }
      const text = rest.length ? `“${rest.join(".")}” ${problem.text}` : problem.text;
      const texts = said.get(slot) ?? [];
      if (!texts.includes(text)) said.set(slot, [...texts, text]);
      if (!this.marked.has(slot)) this.marked.set(slot, rest);
    }
    for (const [slot, texts] of said) slot.mark(texts);
    return left;
  }

  /** Puts the focus on the first field that has a problem; without one, on nothing. */
  focusFirstProblem() {
    const [first] = [...this.marked].sort(([one], [other]) =>
      one.element.compareDocumentPosition(other.element) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1,
    );
    if (!first) return;
    const [slot, rest] = first;
    if (rest.length) slot.field.focusMissing(rest);
    else slot.focus();
  }
}
