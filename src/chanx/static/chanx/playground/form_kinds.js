// Which field a schema and a value get.

import { BooleanField, ConstField, EnumField, JsonField, NullField, NumberField, TextField } from "./fields_plain.js";
import { ArrayField } from "./fields_array.js";
import { ObjectField } from "./fields_object.js";
import { NullableField, UnionField } from "./fields_union.js";
import { getKind, isNumeric, isOfKind } from "./schema_shape.js";
import { isNumber } from "./schema_json.js";

/** @typedef {import("./fields.js").Context} Context */
/** @typedef {import("./fields.js").FieldOptions} FieldOptions */
/** @typedef {import("./fields.js").Field} Field */
/** @typedef {new (context: Context, options: FieldOptions) => Field} FieldClass */

/** @type {Record<import("./schema_shape.js").Kind, FieldClass>} */
const FIELDS = {
  any: JsonField,
  array: ArrayField,
  boolean: BooleanField,
  const: ConstField,
  enum: EnumField,
  null: NullField,
  nullable: NullableField,
  number: NumberField,
  object: ObjectField,
  string: TextField,
  union: UnionField,
};

/**
 * Returns the field of a value: that of its schema, or one for JSON if the value does not fit in.
 *
 * @param {Context} context
 * @param {FieldOptions} options
 * @returns {Field}
 */
export function makeField(context, options) {
  const kind = getKind(options.schema);
  if (!fits(kind, options, context)) return new JsonField(context, { ...options, isMisfit: true });
  return new FIELDS[kind](context, options);
}

/**
 * @param {import("./schema_shape.js").Kind} kind
 * @param {FieldOptions} options
 * @param {Context} context
 */
function fits(kind, { value, schema }, context) {
  switch (kind) {
    case "string":
      // Fields of text make one kind of line break of all kinds.
      return typeof value === "string" && !value.includes("\r");
    case "number":
      // What is no number yet may stand there while it is typed.
      return isNumeric(value) || (typeof value === "string" && !isNumber(value.trim()) && !/[\r\n]/.test(value));
    case "union":
      return true;
    default:
      return isOfKind(value, schema, context.definitions);
  }
}
