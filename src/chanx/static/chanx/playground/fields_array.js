// Lists and tuples.

import { h } from "../dom.js";
import { Field, Slot } from "./fields.js";
import { makeStart } from "./schema_shape.js";

/** @typedef {import("./fields.js").Context} Context */
/** @typedef {import("./fields.js").FieldOptions} FieldOptions */

export class ArrayField extends Field {
  /** @override */
  isGroup = true;

  /**
   * @param {Context} context
   * @param {FieldOptions} options
   */
  constructor(context, options) {
    super(context, options);
    /** @type {any[]} */
    this.first = options.schema.prefixItems ?? [];
    this.itemName = getItemName(options.label);
    /** @type {Slot[]} */
    this.slots = [];
    this.items = h("div", { class: "form-items" });
    this.empty = h("p", { class: "form-empty" }, "No items");
    this.adder = h("button", { type: "button", onclick: () => this.add() }, `Add ${this.itemName}`);
    this.element = h("div", { class: "form-array" }, this.items, this.empty, h("div", { class: "form-adder" }, this.adder));
    for (const each of options.value) this.insert(each);
    this.update();
  }

  /** @override */
  get value() {
    return this.slots.map((each) => each.field.value);
  }

  /**
   * @override
   * @returns {[number, Slot][]}
   */
  getSlots() {
    return this.slots.map((each, index) => [index, each]);
  }

  /** @param {any} value */
  insert(value) {
    const index = this.slots.length;
    const { minItems = 0 } = this.options.schema;
    const isFixed = index < this.first.length && index < minItems;
    const slot = new Slot(this.context, {
      schema: this.first[index] ?? this.options.schema.items,
      value,
      label: this.getLabel(index),
      isItem: true,
      onremove: isFixed ? undefined : () => this.remove(slot),
    });
    this.slots.push(slot);
    this.items.append(slot.element);
    return slot;
  }

  /** @param {number} index */
  getLabel(index) {
    const title = this.first[index]?.title;
    return typeof title === "string" ? title : `${this.itemName} ${index + 1}`;
  }

  add() {
    const schema = this.first[this.slots.length] ?? this.options.schema.items;
    const slot = this.insert(makeStart(schema, this.context.definitions));
    this.update();
    this.context.onchange();
    slot.focus();
  }

  /** @param {Slot} slot */
  remove(slot) {
    const place = this.slots.indexOf(slot);
    if (place < this.first.length && this.slots.length > place + 1) {
      // What follows moves to a place of another kind.
      const left = this.value.filter((_, index) => index !== place);
      this.slots = [];
      this.items.replaceChildren();
      for (const each of left) this.insert(each);
    } else {
      this.slots.splice(place, 1);
      slot.element.remove();
      this.slots.forEach((each, index) => each.rename(this.getLabel(index)));
    }
    this.update();
    this.context.onchange();
    const next = this.slots[place] ?? this.slots[place - 1];
    const button = next?.element.querySelector(".form-remove") ?? this.adder;
    if (button instanceof HTMLElement) button.focus();
  }

  update() {
    const { maxItems } = this.options.schema;
    const isFull = maxItems !== undefined && this.slots.length >= maxItems;
    const isClosed = this.options.schema.items === false && this.slots.length >= this.first.length;
    this.adder.hidden = isFull || isClosed;
    this.empty.hidden = this.slots.length > 0;
    this.items.hidden = !this.slots.length;
  }

  /** @override */
  focus() {
    const first = this.element.querySelector("input, select, textarea") ?? this.adder;
    if (first instanceof HTMLElement) first.focus();
  }
}

/**
 * Returns what one item of a list is called: "tag" of "tags".
 *
 * @param {string} label
 */
function getItemName(label) {
  if (/[^s]ies$/i.test(label)) return label.replace(/ies$/i, "y");
  if (/(?:ss|us|is)$/i.test(label) || !/[a-z]s$/i.test(label)) return `${label} item`;
  return label.slice(0, -1);
}
