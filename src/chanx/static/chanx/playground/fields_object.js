// Objects: the fields that a schema names, those that are not sent, and keys of one's own.

import { h } from "../dom.js";
import { Field, Slot } from "./fields.js";
import { makeStart, resolve } from "./schema_shape.js";
import { isObject, put, take } from "./schema_json.js";
import { isMatch } from "./schema_texts.js";

/** @typedef {import("./fields.js").Context} Context */
/** @typedef {import("./fields.js").FieldOptions} FieldOptions */
/**
 * @typedef {{key: string, input: HTMLInputElement, slot: Slot}} Row A key of one's own; the input
 *   shows it without line breaks, which it keeps until it is edited.
 */

export class ObjectField extends Field {
  /** @override */
  isGroup = true;

  /**
   * @param {Context} context
   * @param {FieldOptions} options
   */
  constructor(context, options) {
    super(context, options);
    /** @type {Record<string, any>} */
    this.properties = options.schema.properties ?? {};
    // What names the branch of a union need not be required by the schema: the server needs it.
    this.required = new Set([...(options.schema.required ?? []), options.tag]);
    /** @type {Map<string, Slot>} In the order in which they are sent. */
    this.slots = new Map();
    /** @type {Row[]} */
    this.rows = [];
    /** @type {string[]} The order of the keys that came with the value. */
    this.order = Object.keys(options.value);
    this.named = h("div", { class: "form-items" });
    this.own = h("div", { class: "form-items" });
    this.absent = h("div", { class: "form-absent" });
    this.empty = h("p", { class: "form-empty" }, "No keys");
    this.adder = this.makeAdder();
    this.element = h("div", { class: "form-object" }, this.named, this.own, this.empty, this.adder, this.absent);
    for (const key of this.order) {
      if (Object.hasOwn(this.properties, key)) this.insert(key, options.value[key]);
      else this.insertRow(key, options.value[key]);
    }
    this.update();
  }

  /** @override */
  get hint() {
    return this.isMap ? "keys of your own" : "";
  }

  /** Whether keys may be added that the schema does not name. */
  get isMap() {
    const { additionalProperties, patternProperties } = this.options.schema;
    const isOpen = isObject(additionalProperties) || additionalProperties === true || isObject(patternProperties);
    return isOpen || (additionalProperties === undefined && !Object.keys(this.properties).length);
  }

  /** @override */
  get value() {
    const made = {};
    for (const [key, slot] of this.getSlots()) put(made, String(key), slot.field.value);
    return made;
  }

  /**
   * @override
   * @returns {[string, Slot][]}
   */
  getSlots() {
    /** @type {Map<string, Slot>} */
    const all = new Map(this.slots);
    for (const { key, slot } of this.rows) if (!all.has(key)) all.set(key, slot);
    const places = new Map(this.order.map((key, index) => [key, index]));
    const last = this.order.length;
    return [...all].sort(([one], [other]) => (places.get(one) ?? last) - (places.get(other) ?? last));
  }

  /** @override */
  getOwnProblems() {
    const seen = new Set(this.slots.keys());
    const problems = [];
    for (const { key, slot } of this.rows) {
      const text = "has a key that stands there already, and is not sent";
      if (seen.has(key)) problems.push({ path: [], text: `“${key}” ${text}` });
      slot.element.classList.toggle("form-twin", seen.has(key));
      seen.add(key);
    }
    return problems;
  }

  /**
   * @param {string} key
   * @param {any} value
   */
  insert(key, value) {
    const isRequired = this.required.has(key);
    const remove = () => this.remove(key);
    const slot = new Slot(this.context, {
      schema: this.properties[key],
      value,
      label: key,
      isRequired,
      onremove: isRequired ? undefined : remove,
    });
    this.slots.set(key, slot);
    // They are shown in the order of the schema.
    const names = Object.keys(this.properties);
    const next = names.slice(names.indexOf(key) + 1).find((name) => this.slots.has(name));
    this.named.insertBefore(slot.element, next === undefined ? null : (this.slots.get(next)?.element ?? null));
    return slot;
  }

  /** @param {string} key */
  add(key) {
    const slot = this.insert(key, makeStart(this.properties[key], this.context.definitions));
    this.update();
    this.context.onchange();
    slot.focus();
  }

  /** @param {string} key */
  remove(key) {
    this.slots.get(key)?.element.remove();
    this.slots.delete(key);
    this.update();
    this.context.onchange();
    this.focusMissing([key]);
  }

  /**
   * Puts the focus on the button that brings a field back.
   *
   * @override
   * @param {(string | number)[]} path
   */
  focusMissing([key]) {
    const button = [...this.absent.querySelectorAll("button")].find((each) => each.dataset.key === key);
    if (button) button.focus();
    else this.focus();
  }

  update() {
    const absent = Object.keys(this.properties).filter((key) => !this.slots.has(key));
    const buttons = absent.map((key) => {
      const isRequired = this.required.has(key);
      const add = () => this.add(key);
      return h(
        "button",
        { type: "button", class: "form-add", "data-key": key, onclick: add },
        h("span", {}, h("span", { class: "visually-hidden" }, "Add "), key),
        " ",
        isRequired && h("span", { class: "form-note" }, "required"),
      );
    });
    const said = h("span", { class: "form-note" }, "Not sent:");
    this.absent.replaceChildren(...(buttons.length ? [said, ...buttons] : []));
    this.absent.hidden = !buttons.length;
    this.named.hidden = !this.slots.size;
    this.own.hidden = !this.rows.length;
    this.empty.hidden = Boolean(this.slots.size || this.rows.length || absent.length);
  }

  /** @override */
  focus() {
    const first = this.element.querySelector("input, select, textarea, button");
    if (first instanceof HTMLElement) first.focus();
  }

  // --- keys of one's own ------------------------------------------------------------------------

  makeAdder() {
    if (!this.isMap) return null;
    const where = this.options.isRoot ? "" : ` to ${this.options.label}`;
    return h("div", { class: "form-adder" }, h("button", { type: "button", onclick: () => this.addRow() }, "Add a key", h("span", { class: "visually-hidden" }, where)));
  }

  /** @param {string} key */
  getRowSchema(key) {
    const { additionalProperties, patternProperties } = this.options.schema;
    const patterns = Object.entries(patternProperties ?? {});
    const found = patterns.find(([pattern]) => isMatch(pattern, key)) ?? (isObject(additionalProperties) ? undefined : patterns[0]);
    const schema = found ? found[1] : isObject(additionalProperties) ? additionalProperties : {};
    return resolve(schema, this.context.definitions);
  }

  /**
   * @param {string} key
   * @param {any} value
   * @returns {Row}
   */
  insertRow(key, value) {
    const id = this.context.makeId();
    const input = h("input", { id, type: "text", value: key, autocomplete: "off", spellcheck: "false", "aria-label": "Key", class: "form-key" });
    const slot = new Slot(this.context, {
      schema: this.getRowSchema(key),
      value,
      label: key || "the new key",
      isItem: true,
      head: input,
      onremove: () => this.removeRow(row),
    });
    const row = { key, input, slot };
    input.addEventListener("input", () => {
      row.key = input.value;
      slot.rename(input.value || "the empty key");
      this.context.onchange();
    });
    this.rows.push(row);
    this.own.append(slot.element);
    return row;
  }

  addRow() {
    const { propertyNames, patternProperties } = this.options.schema;
    const names = resolve(propertyNames, this.context.definitions);
    const free = Array.isArray(names.enum) ? names.enum.find((each) => take(this.value, each) === undefined) : undefined;
    let key = typeof free === "string" ? free : "key";
    for (let count = 2; Object.hasOwn(this.value, key) && !patternProperties; count += 1) key = `key${count}`;
    const row = this.insertRow(key, makeStart(this.getRowSchema(key), this.context.definitions));
    this.update();
    this.context.onchange();
    row.input.focus();
    row.input.select();
  }

  /** @param {Row} row */
  removeRow(row) {
    const place = this.rows.indexOf(row);
    this.rows.splice(place, 1);
    row.slot.element.remove();
    this.update();
    this.context.onchange();
    const next = this.rows[place] ?? this.rows[place - 1];
    if (next) next.input.focus();
    else this.adder?.querySelector("button")?.focus();
  }
}
