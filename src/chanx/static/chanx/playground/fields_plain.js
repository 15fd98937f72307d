// The fields of single values.

import { h } from "../dom.js";
import { Field } from "./fields.js";
import { isEqual, isNumber, parseJson, RawJson, readNumber, writeJson } from "./schema_json.js";
import { getKind, isSecret, makeStart } from "./schema_shape.js";
import { describeType } from "./schema_words.js";

/** @typedef {import("./fields.js").Context} Context */
/** @typedef {import("./fields.js").FieldOptions} FieldOptions */

const LONG_TEXT = 120;
const LONG_NAMES = new Set(["text", "body", "content", "message", "description", "comment"]);

/** @param {FieldOptions} options */
function getName({ isLabelled, label }) {
  return isLabelled === false ? label : undefined;
}

export class TextField extends Field {
  /**
   * @param {Context} context
   * @param {FieldOptions} options
   */
  constructor(context, options) {
    super(context, options);
    const { schema, value, id } = options;
    this.control = this.element = this.input = isLong(options)
      ? h("textarea", { id, rows: 3, value, class: "form-text" })
      : h("input", { id, type: isSecret(schema) ? "password" : "text", value, autocomplete: "off", spellcheck: "false" });
    const name = getName(options);
    if (name) this.input.setAttribute("aria-label", name);
    if (typeof schema.examples?.[0] === "string") this.input.placeholder = schema.examples[0];
    this.input.addEventListener("input", () => context.onchange());
  }

  /** @override */
  get value() {
    return this.input.value;
  }
}

/** @param {FieldOptions} options */
function isLong({ schema, value, label }) {
  if (value.includes("\n") || value.length > LONG_TEXT) return true;
  if (schema.maxLength !== undefined) return schema.maxLength > LONG_TEXT && !schema.format;
  return !schema.format && !schema.pattern && LONG_NAMES.has(label.toLowerCase());
}

export class NumberField extends Field {
  /**
   * @param {Context} context
   * @param {FieldOptions} options
   */
  constructor(context, options) {
    super(context, options);
    const { value, id, schema } = options;
    // Not type=number: that one rounds, and says nothing of what it cannot read.
    this.control = this.element = this.input = h("input", {
      id,
      type: "text",
      inputmode: schema.type === "integer" && schema.minimum >= 0 ? "numeric" : "text",
      autocomplete: "off",
      class: "form-number",
      value: typeof value === "string" ? value : writeJson(value),
      "aria-label": getName(options),
      oninput: () => context.onchange(),
    });
  }

  /** @override */
  get value() {
    const text = this.input.value.trim();
    return isNumber(text) ? readNumber(text) : this.input.value;
  }
}

export class BooleanField extends Field {
  /** @override */
  isInline = true;

  /**
   * @param {Context} context
   * @param {FieldOptions} options
   */
  constructor(context, options) {
    super(context, options);
    this.word = h("span", { "aria-hidden": "true", class: "mono" }, String(options.value));
    this.control = this.input = h("input", {
      id: options.id,
      type: "checkbox",
      checked: options.value,
      "aria-label": getName(options),
      onchange: () => {
        this.word.textContent = String(this.input.checked);
        context.onchange();
      },
    });
    this.element = h("label", { class: "form-check" }, this.input, this.word);
  }

  /** @override */
  get hint() {
    return "";
  }

  /** @override */
  get value() {
    return this.input.checked;
  }
}

export class EnumField extends Field {
  /**
   * @param {Context} context
   * @param {FieldOptions} options
   */
  constructor(context, options) {
    super(context, options);
    /** @type {any[]} */
    this.choices = options.schema.enum;
    const areTexts = this.choices.every((each) => typeof each === "string");
    this.control = this.element = this.select = h(
      "select",
      { id: options.id, "aria-label": getName(options), onchange: () => context.onchange() },
      this.choices.map((each, index) => h("option", { value: index }, areTexts && each ? each : writeJson(each))),
    );
    this.select.selectedIndex = this.choices.findIndex((each) => isEqual(each, options.value));
  }

  /** @override */
  get hint() {
    return "";
  }

  /** @override */
  get value() {
    return this.choices[this.select.selectedIndex];
  }
}

export class ConstField extends Field {
  /** @override */
  isInline = true;

  /**
   * @param {Context} context
   * @param {FieldOptions} options
   */
  constructor(context, options) {
    super(context, options);
    const { value } = options;
    const text = typeof value === "string" && value ? value : writeJson(value);
    this.element = h("span", { class: "form-const" }, h("code", {}, text));
  }

  /** @override */
  get hint() {
    return "";
  }

  /** @override */
  focus() {}
}

export class NullField extends ConstField {}

export class JsonField extends Field {
  /**
   * @param {Context} context
   * @param {FieldOptions} options
   */
  constructor(context, options) {
    super(context, options);
    const text = writeJson(options.value, 2);
    this.control = this.input = h("textarea", {
      id: options.id,
      class: "code",
      rows: Math.min(Math.max(text.split("\n").length, 2), 12),
      value: text,
      spellcheck: "false",
      autocapitalize: "off",
      "aria-label": getName(options),
      oninput: () => context.onchange(),
    });
    const misfit = h("div", { class: "form-misfit" }, "This value does not fit in here, so it is shown as JSON.", " ", this.makeReset());
    this.element = h("div", { class: "form-json" }, options.isMisfit ? misfit : null, this.input);
  }

  makeReset() {
    const { onreset, schema, label } = this.options;
    if (!onreset) return null;
    const reset = () => onreset(makeStart(schema, this.context.definitions));
    return h("button", { type: "button", class: "quiet", "aria-label": `Start ${label} anew`, onclick: reset }, "Start anew");
  }

  /** @override */
  get hint() {
    const { schema, isMisfit } = this.options;
    return isMisfit && getKind(schema) !== "union" ? describeType(schema) : "JSON";
  }

  /** @override */
  get value() {
    const read = parseJson(this.input.value);
    return "value" in read ? read.value : new RawJson(this.input.value);
  }

  /** @override */
  getOwnProblems() {
    const read = parseJson(this.input.value);
    if ("value" in read) return [];
    const { text, line, column } = read.problem;
    const place = this.input.value.trim() ? ` (line ${line}, column ${column})` : "";
    return [{ path: [], text: `${text}${place}` }];
  }
}
