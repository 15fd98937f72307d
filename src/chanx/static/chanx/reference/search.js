// Search over names, paths, actions and fields: hides what does not match, marks what does.

import { announce, byId, findTarget } from "../dom.js";
import { hasKeys } from "../keys.js";
import { getFolds, openTarget } from "./folding.js";

/**
 * @typedef {{element: HTMLElement, text: string}} Part
 * @typedef {{element: HTMLElement, head: Part, items: Part[], parts: HTMLElement[], link: HTMLElement | null}} Group
 */

const PAUSE = 120; // milliseconds without a key
const MAX_MARKS = 2000;

/** Shows the search field and makes it work. */
export function addSearch() {
  const field = /** @type {HTMLInputElement} */ (byId("search"));
  const box = field.closest(".search");
  if (!(box instanceof HTMLElement)) return;
  box.hidden = false;
  const groups = collect();
  /** @type {Map<HTMLDetailsElement, boolean> | null} */
  let before = null;
  let place = 0;
  let timer = 0;

  const search = () => {
    const terms = normalize(field.value).split(/\s+/).filter(Boolean);
    if (terms.length && !before) {
      before = new Map(getFolds().map((each) => [each, each.open]));
      place = scrollY;
    }
    const found = apply(groups, terms);
    byId("main").classList.toggle("searching", terms.length > 0);
    const isOver = !terms.length && before !== null;
    if (!terms.length && before) {
      for (const [fold, isOpen] of before) fold.open = isOpen;
      before = null;
    }
    for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (
      document.querySelectorAll(".sub a")
    )) {
      if (link.parentElement) link.parentElement.hidden = isHidden(link);
    }
    mark(groups, terms);
    tell(found, terms.length > 0);
    if (terms.length) scrollTo({ top: 0 });
    else if (isOver) scrollTo({ top: place });
  };

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, PAUSE);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !field.value) return;
    event.preventDefault();
    field.value = "";
    search();
  });
  document.addEventListener("keydown", (event) => {
    const isTyping =
      event.target instanceof Element && event.target.closest("input, textarea, select");
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
    if (!hasKeys()) return;
    event.preventDefault();
    field.focus();
    field.select();
  });
  // A link inside the page leads to what a search has hidden.
  addEventListener("hashchange", () => {
    const target = findTarget(location.hash);
    if (!target?.closest("[hidden]")) return;
    field.value = "";
    search();
    openTarget(); // which the end of the search has folded
    target.scrollIntoView();
  });
  if (field.value) search(); // kept by the browser over a reload
}

/** @param {HTMLAnchorElement} link */
function isHidden(link) {
  return findTarget(link.hash)?.hidden ?? false;
}

/** @returns {Group[]} */
function collect() {
  const groups = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-group]")]);
  return groups.map((element) => {
    const items = /** @type {HTMLElement[]} */ ([...element.querySelectorAll("[data-item]")]);
    const head = /** @type {HTMLElement} */ (element.querySelector("[data-head]"));
    const others = /** @type {HTMLElement[]} */ (
      [...element.children].filter(
        (each) => !each.matches("[data-head], [data-item]") && !each.querySelector("[data-item]"),
      )
    );
    return {
      element,
      head: { element: head, text: read(head) },
      items: items.map((each) => ({ element: each, text: read(each) })),
      parts: others,
      link: document.querySelector(`.links > li > a[href="#${CSS.escape(element.id)}"]`),
    };
  });
}

/**
 * Returns the text of an element without code, in which every word stands everywhere.
 *
 * @param {HTMLElement} element
 */
function read(element) {
  const texts = [];
  for (const node of walk(element)) texts.push(node.data);
  return normalize(texts.join(" "));
}

/** @param {HTMLElement} element */
function* walk(element) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = /** @type {Text} */ (node);
    if (text.data.trim() && !text.parentElement?.closest("pre, .snippets, button, .try")) yield text;
  }
}

/** @param {string} text */
function normalize(text) {
  return text.toLowerCase();
}

/**
 * Shows what has all terms in it, opened, and hides the rest.
 *
 * @param {Group[]} groups
 * @param {string[]} terms
 */
function apply(groups, terms) {
  let chapters = 0;
  let items = 0;
  for (const group of groups) {
    const hasAll = (/** @type {Part} */ part) => terms.every((term) => part.text.includes(term));
    const inHead = hasAll(group.head);
    const matching = group.items.filter(hasAll);
    const isShown = inHead || matching.length > 0;
    group.element.hidden = !isShown;
    // Only messages match: of the rest the name is enough.
    group.element.classList.toggle("narrowed", !inHead);
    if (group.link?.parentElement) group.link.parentElement.hidden = !isShown;
    for (const item of group.items) item.element.hidden = !inHead && !matching.includes(item);
    for (const part of group.parts) part.hidden = !inHead && !hasItems(part);
    if (!isShown) continue;
    chapters += 1;
    items += matching.length;
    if (terms.length) for (const item of matching) open(item.element, terms);
  }
  return { chapters, items };
}

/**
 * Tells whether something is a heading with an item below it that is shown.
 *
 * @param {HTMLElement} part
 */
function hasItems(part) {
  if (!part.matches("h3")) return false;
  let next = part.nextElementSibling;
  while (next && !next.matches("h3")) {
    if (next.matches("[data-item]:not([hidden])")) return true;
    next = next.nextElementSibling;
  }
  return false;
}

/**
 * Opens the folds in which a term stands.
 *
 * @param {HTMLElement} element
 * @param {string[]} terms
 */
function open(element, terms) {
  for (const node of walk(element)) {
    if (!terms.some((term) => normalize(node.data).includes(term))) continue;
    let fold = node.parentElement?.closest("details");
    while (fold && element.contains(fold)) {
      if (!node.parentElement?.closest("summary") || !fold.querySelector("summary")?.contains(node)) {
        fold.open = true;
      }
      fold = fold.parentElement?.closest("details");
    }
  }
}

/**
 * Marks the terms, in browsers that can do so without changing the document.
 *
 * @param {Group[]} groups
 * @param {string[]} terms
 */
function mark(groups, terms) {
  if (!CSS.highlights) return;
  CSS.highlights.delete("found");
  if (!terms.length) return;
  /** @type {Range[]} */
  const ranges = [];
  for (const group of groups) {
    if (group.element.hidden) continue;
    for (const node of walk(group.element)) {
      const text = normalize(node.data);
      if (text.length !== node.data.length) continue; // letters that grow: places would be wrong
      for (const term of terms) {
        for (let at = text.indexOf(term); at >= 0; at = text.indexOf(term, at + term.length)) {
          const range = new Range();
          range.setStart(node, at);
          range.setEnd(node, at + term.length);
          ranges.push(range);
        }
      }
      if (ranges.length > MAX_MARKS) break;
    }
  }
  CSS.highlights.set("found", new Highlight(...ranges));
}

/**
 * Says how much was found.
 *
 * @param {{chapters: number, items: number}} found
 * @param {boolean} isSearch
 */
function tell(found, isSearch) {
  const nothing = byId("nothing-found");
  const count = byId("search-count");
  nothing.hidden = !isSearch || found.chapters > 0;
  nothing.textContent = "Nothing on this page matches. Try fewer or shorter words.";
  const places = say(found.chapters, "section", "sections");
  const text = found.items ? `${say(found.items, "match", "matches")} in ${places}` : places;
  count.textContent = isSearch ? (found.chapters ? text : "Nothing found") : "";
  announce(isSearch ? (found.chapters ? text : "Nothing found") : "Search cleared");
}

/**
 * @param {number} number
 * @param {string} one
 * @param {string} many
 */
function say(number, one, many) {
  return `${number} ${number === 1 ? one : many}`;
}
