// Fields in which several kinds of values may stand.

import { h } from "../dom.js";
import { Field } from "./fields.js";
import { pickBranch } from "./schema_check.js";
import { getBranches, getKind, makeStart, resolve } from "./schema_shape.js";
import { writeJson } from "./schema_json.js";
import { describeType } from "./schema_words.js";

/** @typedef {import("./fields.js").Context} Context */
/** @typedef {import("./fields.js").FieldOptions} FieldOptions */
/** @typedef {import("./schema_shape.js").Schema} Schema */

/** A value or null. */
export class NullableField extends Field {
  /**
   * @param {Context} context
   * @param {FieldOptions} options
   */
  constructor(context, options) {
    super(context, options);
    const branches = getBranches(options.schema, context.definitions) ?? [];
    this.schema = branches.find((each) => getKind(each) !== "null") ?? {};
    const kind = getKind(this.schema);
    this.isGroup = kind === "object" || kind === "array" || kind === "union";
    this.isInline = kind === "boolean" || kind === "const";
    /** @type {Field | null} */
    this.inner = null;
    this.check = h("input", {
      type: "checkbox",
      checked: options.value === null,
      "aria-label": `Send null for ${options.label}`,
      onchange: () => this.toggle(),
    });
    this.element = h("div", { class: "form-nullable" });
    if (options.value !== null) this.open(options.value);
    this.show();
  }

  /** @param {any} value */
  open(value) {
    const { context, options } = this;
    this.inner = context.makeField(context, {
      ...options,
      schema: this.schema,
      value,
      onreset: (other) => {
        this.inner?.element.remove();
        this.open(other);
        this.show();
        this.inner?.focus();
        context.onchange();
      },
    });
    this.element.append(this.inner.element);
  }

  toggle() {
    if (!this.check.checked && !this.inner) this.open(makeStart(this.schema, this.context.definitions));
    this.show();
    this.context.onchange();
  }

  show() {
    if (this.inner) this.inner.element.hidden = this.check.checked;
    this.control = this.inner?.control ?? null;
  }

  /** @override */
  get hint() {
    const hint = this.inner?.hint ?? describeType(this.schema);
    return hint.includes(",") ? `${hint}, or null` : `${hint} or null`.trim();
  }

  /** @override */
  get value() {
    return this.check.checked || !this.inner ? null : this.inner.value;
  }

  /** @override */
  getTools() {
    return [h("label", { class: "form-check" }, this.check, h("span", { "aria-hidden": "true" }, "null")), ...(this.inner?.getTools() ?? [])];
  }

  /** @override */
  getSlots() {
    return this.check.checked ? [] : (this.inner?.getSlots() ?? []);
  }

  /** @override */
  getOwnProblems() {
    return this.check.checked ? [] : (this.inner?.getOwnProblems() ?? []);
  }

  /**
   * @override
   * @param {boolean} isWrong
   * @param {string} describedBy
   */
  describe(isWrong, describedBy) {
    this.inner?.describe(isWrong, describedBy);
  }

  /** @override */
  focus() {
    if (this.check.checked || !this.inner) this.check.focus();
    else this.inner.focus();
  }

  /**
   * @override
   * @param {(string | number)[]} path
   */
  focusMissing(path) {
    this.inner?.focusMissing(path);
  }
}

/** A value of one of several kinds, which is chosen first. */
export class UnionField extends Field {
  /** @override */
  isGroup = true;

  /**
   * @param {Context} context
   * @param {FieldOptions} options
   */
  constructor(context, options) {
    super(context, options);
    const { schema, label } = options;
    this.branches = getBranches(schema, context.definitions) ?? [];
    /** @type {Map<number, any>} What stood in the other branches. */
    this.values = new Map();
    const names = nameBranches(this.branches, schema, context);
    const chosen = pickBranch(options.value, schema, context.definitions);
    this.select = h(
      "select",
      { "aria-label": `Kind of ${label}`, onchange: () => this.choose() },
      names.map((name, index) => h("option", { value: index }, name)),
      chosen < 0 && h("option", { value: -1 }, "Other JSON"),
    );
    this.select.value = String(chosen);
    this.chosen = chosen;
    this.place = h("div", {});
    this.element = h("div", { class: "form-union" }, this.select, this.place);
    this.inner = this.open(options.value);
  }

  /** @param {any} value */
  open(value) {
    const { context, options } = this;
    const inner = context.makeField(context, {
      ...options,
      schema: this.branches[this.chosen] ?? {},
      value,
      tag: options.schema.discriminator?.propertyName ?? options.tag,
      isLabelled: false,
      id: context.makeId(),
      onreset: (other) => {
        this.inner = this.open(other);
        this.inner.focus();
        context.onchange();
      },
    });
    this.place.replaceChildren(...inner.getTools(), inner.element);
    return inner;
  }

  choose() {
    this.values.set(this.chosen, this.value);
    this.chosen = Number(this.select.value);
    const kept = this.values.get(this.chosen);
    this.inner = this.open(this.values.has(this.chosen) ? kept : makeStart(this.branches[this.chosen], this.context.definitions));
    this.context.onchange();
  }

  /** @override */
  get hint() {
    return "";
  }

  /** @override */
  get value() {
    return this.inner.value;
  }

  /** @override */
  getSlots() {
    return this.inner.getSlots();
  }

  /** @override */
  getOwnProblems() {
    return this.inner.getOwnProblems();
  }

  /**
   * @override
   * @param {boolean} isWrong
   * @param {string} describedBy
   */
  describe(isWrong, describedBy) {
    this.inner.describe(isWrong, describedBy);
  }

  /** @override */
  focus() {
    this.select.focus();
  }

  /**
   * @override
   * @param {(string | number)[]} path
   */
  focusMissing(path) {
    this.inner.focusMissing(path);
  }
}

/**
 * Returns what the branches are called, each in another way.
 *
 * @param {Schema[]} branches
 * @param {Schema} schema
 * @param {Context} context
 */
function nameBranches(branches, schema, context) {
  const names = branches.map((branch) => nameBranch(branch, schema, context));
  return names.map((name, index) => (names.indexOf(name) === names.lastIndexOf(name) ? name : `${name} (${index + 1})`));
}

/**
 * @param {Schema} branch
 * @param {Schema} schema
 * @param {Context} context
 * @returns {string}
 */
function nameBranch(branch, schema, { definitions }) {
  const tag = schema.discriminator?.propertyName;
  const constant = typeof tag === "string" ? resolve(branch.properties?.[tag], definitions).const : undefined;
  if (constant !== undefined) return typeof constant === "string" ? constant : writeJson(constant);
  if (typeof branch.title === "string") return branch.title;
  if ("const" in branch) return writeJson(branch.const);
  if (Array.isArray(branch.items) || getKind(branch) !== "array") return describeType(branch);
  const items = resolve(branch.items, definitions);
  return `list of ${items.title ?? describeType(items)}`;
}
