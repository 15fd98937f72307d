// The list of contents: marks the chapter that is being read, and folds on narrow screens.

import { findTarget, h } from "../dom.js";

const NARROW = "(max-width: 56rem)";

/** Keeps the list in step with the page. */
export function followContents() {
  markChapter();
  const list = /** @type {HTMLDetailsElement | null} */ (document.querySelector(".contents"));
  if (!list) return;
  const narrow = matchMedia(NARROW);
  const fit = () => {
    list.open = !narrow.matches;
  };
  fit();
  narrow.addEventListener("change", fit);
  list.addEventListener("click", (event) => {
    if (narrow.matches && event.target instanceof Element && event.target.closest("a")) {
      list.open = false;
    }
  });
}

function markChapter() {
  /** @type {Map<Element, HTMLAnchorElement>} */
  const links = new Map();
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (
    document.querySelectorAll(".links > li > a")
  )) {
    const chapter = findTarget(link.hash);
    if (chapter) links.set(chapter, link);
  }
  /** @type {Set<Element>} */
  const seen = new Set();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) seen.add(target);
        else seen.delete(target);
      }
      const first = [...links.keys()].find((chapter) => seen.has(chapter));
      if (!first) return; // between two chapters: the last one stays
      for (const [chapter, link] of links) {
        if (chapter !== first) leave(link);
        else if (!link.hasAttribute("aria-current")) enter(link, chapter);
      }
    },
    { rootMargin: "-80px 0px -60% 0px" },
  );
  for (const chapter of links.keys()) observer.observe(chapter);
}

/**
 * Marks a link, and lists the chapter's messages below it.
 *
 * @param {HTMLAnchorElement} link
 * @param {Element} chapter
 */
function enter(link, chapter) {
  link.setAttribute("aria-current", "true");
  const messages = [...chapter.querySelectorAll(".message")];
  if (messages.length && link.parentElement) {
    link.parentElement.append(h("ul", { class: "sub" }, messages.map(makeLink)));
  }
  showInList(link);
}

/**
 * Scrolls the list, and nothing else, where it does not show a chapter with its messages.
 *
 * @param {HTMLAnchorElement} link
 */
function showInList(link) {
  const list = link.closest(".contents");
  const item = link.parentElement?.getBoundingClientRect();
  const view = list?.getBoundingClientRect();
  if (!list || !item || !view || (item.top >= view.top && item.bottom <= view.bottom)) return;
  list.scrollTop += item.top - view.top - view.height / 4;
}

/** @param {HTMLAnchorElement} link */
function leave(link) {
  link.removeAttribute("aria-current");
  link.parentElement?.querySelector(".sub")?.remove();
}

/** @param {Element} message */
function makeLink(message) {
  const isSent = message.querySelector(".badge.sent") !== null;
  const arrow = h("span", { class: isSent ? "sent" : "received" }, isSent ? "↑ " : "↓ ");
  arrow.setAttribute("aria-hidden", "true");
  const way = h("span", { class: "visually-hidden" }, isSent ? "send " : "receive ");
  const name = message.querySelector(".action")?.textContent ?? "";
  return h("li", { hidden: message.hasAttribute("hidden") }, h("a", { href: `#${message.id}` }, arrow, way, name));
}
