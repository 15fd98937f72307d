// What all fields are, and the place of a field: its name, its help, and what is wrong with it.

import { append, formatProse, h } from "../dom.js";
import { resolve } from "./schema_shape.js";
import { describeType } from "./schema_words.js";

/** @typedef {import("./schema_shape.js").Schema} Schema */
/** @typedef {import("./schema_shape.js").Problem} Problem */
/**
 * @typedef {object} Context What all fields of a form share.
 * @property {import("./schema_shape.js").Definitions} definitions
 * @property {(context: Context, options: FieldOptions) => Field} makeField
 * @property {() => string} makeId
 * @property {() => void} onchange
 *
 * @typedef {object} FieldOptions
 * @property {Schema} schema Resolved.
 * @property {any} value
 * @property {string} label
 * @property {string} id Of the control, to which the label leads.
 * @property {boolean} isRoot
 * @property {boolean} [isLabelled] False: nothing else names the control.
 * @property {boolean} [isMisfit]
 * @property {string} [tag] The key by which a union tells what the value is.
 * @property {(value: any) => void} [onreset] Puts another value in the place of this one.
 *
 * @typedef {object} SlotOptions
 * @property {any} schema
 * @property {any} value
 * @property {string} label
 * @property {boolean} [isRoot]
 * @property {boolean} [isRequired]
 * @property {boolean} [isItem] It stands in a list or a map, where nothing is required or not.
 * @property {(() => void) | undefined} [onremove]
 * @property {HTMLElement} [head] Stands in the place of the label.
 */

/** A field: some controls and the value that they show. */
export class Field {
  /** Whether it has several controls, and so is a fieldset. */
  isGroup = false;
  /** Whether it stands in the line of its name. */
  isInline = false;

  /**
   * @param {Context} context
   * @param {FieldOptions} options
   */
  constructor(context, options) {
    this.context = context;
    this.options = options;
    /** @type {HTMLElement} What is shown. */
    this.element = h("div");
    /** @type {HTMLElement | null} What is labelled and gets the focus. */
    this.control = null;
  }

  /** @returns {any} */
  get value() {
    return this.options.value;
  }

  /** What the field takes, in a few words. */
  get hint() {
    return describeType(this.options.schema);
  }

  /** @returns {[string | number, Slot][]} */
  getSlots() {
    return [];
  }

  /** @returns {Problem[]} */
  getOwnProblems() {
    return [];
  }

  /** @returns {HTMLElement[]} What stands beside the label. */
  getTools() {
    return [];
  }

  focus() {
    const target = this.control ?? this.element.querySelector("input, select, textarea, button");
    if (target instanceof HTMLElement) target.focus();
  }

  /**
   * Puts the focus where something that is missing can be added.
   *
   * @param {(string | number)[]} _path
   */
  focusMissing(_path) {
    this.focus();
  }

  /**
   * @param {boolean} isWrong
   * @param {string} describedBy
   */
  describe(isWrong, describedBy) {
    if (this.control) setDescription(this.control, isWrong, describedBy);
  }
}

/**
 * @param {HTMLElement} control
 * @param {boolean} isWrong
 * @param {string} describedBy
 */
function setDescription(control, isWrong, describedBy) {
  if (describedBy) control.setAttribute("aria-describedby", describedBy);
  else control.removeAttribute("aria-describedby");
  if (isWrong) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
}

/** The place of a field in a form. */
export class Slot {
  /** @type {string[]} */
  problems = [];

  /**
   * @param {Context} context
   * @param {SlotOptions} options
   */
  constructor(context, options) {
    this.context = context;
    this.options = options;
    this.schema = resolve(options.schema, context.definitions);
    this.label = options.label;
    this.id = context.makeId();
    this.help = h("p", { class: "form-help", id: `${this.id}-help` }, formatProse(this.getHelp()));
    this.help.hidden = !this.help.textContent;
    this.problem = h("p", { class: "form-problem", id: `${this.id}-problem`, hidden: true });
    this.element = h("div", { class: "form-slot" });
    this.field = this.makeField(options.value);
  }

  getHelp() {
    const { isRoot, isItem, schema } = this.options;
    // What a message is for is said where it is chosen; what all items are, not at each of them.
    const text = isRoot || (isItem && schema?.description === undefined) ? "" : this.schema.description;
    return typeof text === "string" ? text.trim() : "";
  }

  /** @param {any} value */
  makeField(value) {
    const { context, options, schema, label, id } = this;
    const field = context.makeField(context, {
      schema,
      value,
      label,
      id,
      isRoot: options.isRoot ?? false,
      isLabelled: !options.isRoot,
      onreset: (/** @type {any} */ other) => this.reset(other),
    });
    this.show(field);
    return field;
  }

  /** @param {any} value */
  reset(value) {
    this.field = this.makeField(value);
    this.field.focus();
    this.context.onchange();
  }

  /** @param {Field} field */
  show(field) {
    const { options } = this;
    const tools = field.getTools();
    if (options.onremove) tools.push(this.makeRemoveButton(options.onremove));
    const bar = tools.length ? h("div", { class: "form-tools" }, tools) : null;
    const note = h("span", { class: "form-note" }, this.getNote(field));
    this.element.classList.toggle("form-branch", field.isGroup && !options.isRoot);
    if (options.isRoot) this.element.replaceChildren(this.problem, field.element);
    else if (field.isGroup) {
      const legend = h("legend", {}, h("span", { class: "form-name" }, options.label), " ", note);
      const head = options.head ? [options.head] : [];
      const group = h("fieldset", { class: "form-group" }, legend, bar, head, this.help, this.problem, field.element);
      legend.classList.toggle("visually-hidden", Boolean(options.head));
      group.classList.toggle("form-tooled", tools.length > 1);
      this.element.replaceChildren(group);
    } else {
      // What is constant has no control that a label could lead to.
      const own = field.control ? h("label", { class: "form-name", for: this.id }, options.label) : h("span", { class: "form-name" }, options.label);
      const name = options.head ?? own;
      if (options.head) field.control?.setAttribute("aria-label", options.label);
      const head = h("div", { class: options.head ? "form-head form-row" : "form-head" }, name, field.isInline && field.element, note, bar);
      this.element.replaceChildren(head, this.help);
      append(this.element, !field.isInline && field.element, this.problem);
    }
    this.describe(field);
  }

  /** @param {Field} field */
  getNote(field) {
    const { isItem, isRequired } = this.options;
    return [isRequired && !isItem && "required", field.hint].filter(Boolean).join(" · ");
  }

  /** @param {() => void} onremove */
  makeRemoveButton(onremove) {
    const title = `Remove ${this.options.label}`;
    return h("button", { type: "button", class: "quiet form-remove", "aria-label": title, title, onclick: onremove }, "×");
  }

  /**
   * Changes the name that is shown and read.
   *
   * @param {string} label
   */
  rename(label) {
    this.options.label = label;
    const name = this.element.querySelector(":scope > .form-head > .form-name, :scope > .form-group > legend > .form-name");
    if (name) name.textContent = label;
    if (this.options.head) this.field.control?.setAttribute("aria-label", label);
    const remove = this.element.querySelector(
      ":scope > .form-head > .form-tools > .form-remove, :scope > .form-group > .form-tools > .form-remove",
    );
    remove?.setAttribute("aria-label", `Remove ${label}`);
    remove?.setAttribute("title", `Remove ${label}`);
  }

  /**
   * Returns the place of a path, or the nearest around it, with the rest of the path.
   *
   * @param {(string | number)[]} path
   * @returns {{slot: Slot, rest: (string | number)[]}}
   */
  find(path) {
    const [key, ...rest] = path;
    const inner = path.length ? this.field.getSlots().find(([name]) => name === key)?.[1] : undefined;
    return inner ? inner.find(rest) : { slot: this, rest: path };
  }

  /** @param {string[]} problems */
  mark(problems) {
    this.problems = problems;
    this.problem.replaceChildren();
    problems.forEach((text, index) => append(this.problem, index > 0 && h("br"), capitalize(text)));
    this.problem.hidden = !problems.length;
    this.element.classList.toggle("form-wrong", problems.length > 0);
    this.describe(this.field);
  }

  /** @param {Field} field */
  describe(field) {
    const isWrong = this.problems.length > 0;
    const ids = [!this.help.hidden && this.help.id, isWrong && this.problem.id].filter(Boolean).join(" ");
    const group = this.element.querySelector(":scope > fieldset");
    if (group instanceof HTMLElement) {
      if (ids) group.setAttribute("aria-describedby", ids);
      else group.removeAttribute("aria-describedby");
    }
    field.describe(isWrong, ids);
  }

  focus() {
    this.field.focus();
  }
}

/** @param {string} text */
function capitalize(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
