// Whether a value is what a schema asks for, in plain words. The walk through objects, lists and
// unions is here, so that of a union only what is wrong with the meant branch is said; single
// values are compared by the validator.
//
// Where Pydantic takes more than JSON Schema says, nothing is said: sets take the same item twice,
// `oneOf` takes what fits two branches, dates need no seconds and no time zone.

import { validate } from "../vendor/cfworker-json-schema/index.js";
import { isEqual, isObject, RawJson, take } from "./schema_json.js";
import { findNamedBranch, getBranches, getDefinition, getTags, isNumeric, isOfKind, resolve } from "./schema_shape.js";
import { isMatch, isOfFormat } from "./schema_texts.js";
import { describeProblem, joinWords, listChoices, nameType } from "./schema_words.js";

/** @typedef {import("./schema_shape.js").Schema} Schema */
/** @typedef {import("./schema_shape.js").Definitions} Definitions */
/** @typedef {import("./schema_shape.js").Problem} Problem */
/** @typedef {(string | number)[]} Path */

const MAX_DEPTH = 200;
const LEAF_KEYWORDS = [
  "type",
  "const",
  "enum",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "minProperties",
  "maxProperties",
];
const BOUNDS = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];

/**
 * @param {any} value
 * @param {any} schema
 * @param {Definitions} definitions
 * @returns {Problem[]}
 */
export function findProblems(value, schema, definitions) {
  return new Check(definitions).find(value, schema, [], 0);
}

class Check {
  /** @param {Definitions} definitions */
  constructor(definitions) {
    this.definitions = definitions;
  }

  /**
   * @param {any} value
   * @param {any} schema
   * @param {Path} path
   * @param {number} depth
   * @returns {Problem[]}
   */
  find(value, schema, path, depth) {
    if (schema === false) return [{ path, text: "must not be here" }];
    if (!isObject(schema) || depth > MAX_DEPTH) return [];
    const deeper = depth + 1;
    const found = findLeafProblems(value, schema, path);
    // With the wrong type, nothing else is worth saying.
    if (found.length && schema.type !== undefined && isTypeWrong(value, schema)) return found;
    if (typeof schema.$ref === "string") {
      found.push(...this.find(value, getDefinition(schema.$ref, this.definitions), path, deeper));
    }
    for (const part of schema.allOf ?? []) found.push(...this.find(value, part, path, deeper));
    if (schema.anyOf ?? schema.oneOf) found.push(...this.findInUnion(value, schema, path, deeper));
    if (schema.not !== undefined && !this.find(value, schema.not, path, deeper).length) {
      found.push({ path, text: "must not be this" });
    }
    if (schema.if !== undefined) {
      const next = this.find(value, schema.if, path, deeper).length ? schema.else : schema.then;
      found.push(...this.find(value, next, path, deeper));
    }
    if (isObject(value)) found.push(...this.findInObject(value, schema, path, deeper));
    if (Array.isArray(value)) found.push(...this.findInArray(value, schema, path, deeper));
    return dropTwins(found);
  }

  /**
   * @param {any} value
   * @param {Schema} schema
   * @param {Path} path
   * @param {number} depth
   */
  findInUnion(value, schema, path, depth) {
    /** @type {any[]} */
    const members = schema.anyOf ?? schema.oneOf;
    const branches = getBranches(schema, this.definitions) ?? [];
    const tag = schema.discriminator?.propertyName;
    if (typeof tag === "string" && isObject(value)) {
      const named = findNamedBranch(value, schema, branches, this.definitions);
      if (named >= 0) return this.find(value, members[named], path, depth);
      const tags = branches.flatMap((each) => getTags(each, tag, this.definitions));
      if (tags.length) {
        const said = `must be one of ${listChoices(tags)}`;
        const isMissing = take(value, tag) === undefined;
        return [{ path: [...path, tag], text: isMissing ? `is missing: ${said}` : said }];
      }
    }
    const all = members.map((each) => this.find(value, each, path, depth));
    if (all.some((each) => !each.length)) return [];
    const meant = all[pickBranch(value, schema, this.definitions, all)];
    if (meant?.length) return meant;
    return [{ path, text: this.describeBranches(branches) }];
  }

  /** @param {Schema[]} branches */
  describeBranches(branches) {
    const constants = branches.flatMap((each) => ("const" in each ? [each.const] : (each.enum ?? [])));
    const types = branches
      .filter((each) => !("const" in each) && !each.enum)
      .flatMap((each) => (each.anyOf ?? each.oneOf ? (getBranches(each, this.definitions) ?? []) : [each]))
      .map((each) => nameType(each.type ?? (each.properties ? "object" : undefined)));
    const words = [...new Set([...(constants.length ? [listChoices(constants)] : []), ...types])];
    return `must be ${joinWords(words)}`;
  }

  /**
   * @param {Record<string, any>} value
   * @param {Schema} schema
   * @param {Path} path
   * @param {number} depth
   */
  findInObject(value, schema, path, depth) {
    /** @type {Problem[]} */
    const found = [];
    for (const name of schema.required ?? []) {
      if (!Object.hasOwn(value, name)) found.push({ path: [...path, name], text: "is missing" });
    }
    for (const [key, needed] of Object.entries(schema.dependentRequired ?? {})) {
      if (!Object.hasOwn(value, key)) continue;
      for (const name of needed) {
        if (!Object.hasOwn(value, name)) found.push({ path: [...path, name], text: `is missing: it goes with ${key}` });
      }
    }
    const patterns = Object.entries(schema.patternProperties ?? {});
    for (const [key, item] of Object.entries(value)) {
      const inner = [...path, key];
      const property = take(schema.properties, key);
      if (property !== undefined) found.push(...this.find(item, property, inner, depth));
      const matching = patterns.filter(([pattern]) => isMatch(pattern, key));
      for (const [, each] of matching) found.push(...this.find(item, each, inner, depth));
      if (property === undefined && !matching.length) {
        const others = schema.additionalProperties;
        if (others === false) found.push({ path: inner, text: "is not a known field" });
        else found.push(...this.find(item, others, inner, depth));
      }
      if (isObject(schema.propertyNames)) {
        const said = this.find(key, schema.propertyNames, inner, depth);
        found.push(...said.map((each) => ({ ...each, text: `its key ${each.text}` })));
      }
    }
    return found;
  }

  /**
   * @param {any[]} value
   * @param {Schema} schema
   * @param {Path} path
   * @param {number} depth
   */
  findInArray(value, schema, path, depth) {
    const first = Array.isArray(schema.prefixItems) ? schema.prefixItems : [];
    const isClosed = schema.maxItems !== undefined && schema.maxItems <= first.length;
    return value.flatMap((item, index) => {
      if (index >= first.length && isClosed) return []; // too many are said to be too many
      return this.find(item, first[index] ?? schema.items, [...path, index], depth);
    });
  }
}

/**
 * @param {any} value
 * @param {Schema} schema
 */
function isTypeWrong(value, schema) {
  const types = Array.isArray(schema.type) ? schema.type : [schema.type];
  return !types.some((type) => isOfKind(value, { type }, {}));
}

/**
 * @param {any} value
 * @param {Schema} schema
 * @param {Path} path
 * @returns {Problem[]}
 */
function findLeafProblems(value, schema, path) {
  if (value instanceof RawJson && !value.isNumber) return [{ path, text: "is no JSON yet" }];
  const plain = value instanceof RawJson ? Number(value.source) : value;
  /** @type {Schema} */
  const leaf = {};
  for (const keyword of LEAF_KEYWORDS) {
    if (schema[keyword] !== undefined) leaf[keyword] = toPlain(schema[keyword], keyword === "const" || keyword === "enum");
  }
  if (isNumeric(value) && !isExact(value)) {
    // The number stands for its neighbours: only what holds for all of them can be told.
    for (const keyword of ["const", "enum", "multipleOf"]) delete leaf[keyword];
    for (const keyword of BOUNDS) if (leaf[keyword] === plain) delete leaf[keyword];
  }
  const shallow = Array.isArray(plain) || isObject(plain) ? toPlain(plain, "const" in leaf || "enum" in leaf) : plain;
  /** @type {string[]} */
  const keywords = validate(shallow, leaf, "2020-12", {}, false).errors.map((each) => each.keyword);
  if (typeof plain === "string") {
    if (typeof schema.pattern === "string" && !isMatch(schema.pattern, plain)) keywords.push("pattern");
    if (typeof schema.format === "string" && !isOfFormat(schema.format, plain)) keywords.push("format");
  }
  // A type that is wrong makes all else wrong; a value that is one of few says more than its type.
  const strongest = ["const", "enum", "type"].find((each) => keywords.includes(each));
  const said = strongest ? [strongest] : keywords;
  return said.map((keyword) => ({ path, text: describeProblem(keyword, schema) }));
}

/** @param {number | RawJson} value */
function isExact(value) {
  if (!(value instanceof RawJson)) return true;
  const { source } = value;
  if (/^-?\d+$/.test(source)) return BigInt(source) === BigInt(Math.trunc(Number(source)));
  return source.replace(/[eE].*/, "").replace(/[-.]/g, "").length <= 15;
}

/**
 * Returns a value that the validator knows: without numbers that are kept as they are written.
 *
 * @param {any} value
 * @param {boolean} isDeep
 * @returns {any}
 */
function toPlain(value, isDeep) {
  if (value instanceof RawJson) return Number(value.source);
  if (!isDeep) return value;
  return JSON.parse(JSON.stringify(value, (_, each) => (each instanceof RawJson ? Number(each.source) : each)));
}

/** @param {Problem[]} problems */
function dropTwins(problems) {
  if (problems.length < 2) return problems;
  const seen = new Set();
  return problems.filter((each) => {
    const key = JSON.stringify([each.path, each.text]);
    return seen.has(key) ? false : seen.add(key);
  });
}

/**
 * Returns the number of the branch that a value is meant to be of; -1: it is of the kind of none.
 *
 * What names a branch comes first (a discriminator, constants), then how much of it is right.
 *
 * @param {any} value
 * @param {Schema} schema Resolved, with branches.
 * @param {Definitions} definitions
 * @param {Problem[][]} [problems] What is wrong for each branch, if it is known.
 */
export function pickBranch(value, schema, definitions, problems) {
  const branches = getBranches(schema, definitions) ?? [];
  const named = findNamedBranch(value, schema, branches, definitions);
  if (named >= 0) return named;
  const ranks = branches.map((branch, index) => ({
    index,
    isOfKind: isOfKind(value, branch, definitions),
    constants: countConstants(value, branch, definitions),
    problems: (problems?.[index] ?? findProblems(value, branch, definitions)).length,
    strangers: countStrangers(value, branch),
  }));
  const possible = ranks.filter((each) => each.isOfKind);
  possible.sort(
    (a, b) =>
      Number(a.problems > 0) - Number(b.problems > 0) ||
      b.constants - a.constants ||
      a.problems - b.problems ||
      a.strangers - b.strangers ||
      a.index - b.index,
  );
  return possible[0]?.index ?? -1;
}

/**
 * Counts the constants of a branch that a value has, less those that it has otherwise.
 *
 * @param {any} value
 * @param {Schema} branch
 * @param {Definitions} definitions
 */
function countConstants(value, branch, definitions) {
  let count = 0;
  if (!isObject(value)) return count;
  for (const [key, property] of Object.entries(branch.properties ?? {})) {
    const { const: constant } = resolve(property, definitions);
    if (constant === undefined || !Object.hasOwn(value, key)) continue;
    count += isEqual(value[key], constant) ? 1 : -1;
  }
  return count;
}

/**
 * @param {any} value
 * @param {Schema} branch
 */
function countStrangers(value, branch) {
  if (!isObject(value) || !isObject(branch.properties)) return 0;
  return Object.keys(value).filter((key) => !Object.hasOwn(branch.properties, key)).length;
}
