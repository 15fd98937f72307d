// What is wrong with a form itself, where problems belong, and how they are said in short.

/** @typedef {import("./fields.js").Slot} Slot */
/** @typedef {import("./schema_shape.js").Problem} Problem */

const MOST_SAID = 3;

/**
 * Returns what the fields under a slot say of themselves.
 *
 * @param {Slot} slot
 * @param {(string | number)[]} [path]
 * @returns {Problem[]}
 */
export function findProblems(slot, path = []) {
  const own = slot.field.getOwnProblems().map((each) => ({ path: [...path, ...each.path], text: each.text }));
  return [...own, ...slot.field.getSlots().flatMap(([key, each]) => findProblems(each, [...path, key]))];
}

/**
 * Tells whether the message itself has a place for a problem: if it is one field.
 *
 * @param {Slot} slot
 * @param {Problem} problem
 */
export function isPlaceOf(slot, problem) {
  return !("line" in problem) && !slot.field.isGroup;
}

/**
 * Returns the first of the problems in one line.
 *
 * @param {{path: (string | number)[], text: string}[]} problems
 */
export function describeProblems(problems) {
  const said = problems.slice(0, MOST_SAID).map(({ path, text }) => [path.join("."), text].filter(Boolean).join(" "));
  const left = problems.length - said.length;
  return said.join("; ") + (left ? `; and ${left} more` : "");
}
