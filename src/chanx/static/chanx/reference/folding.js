// What unfolds: all at once, by links that lead into it, and on paper.

import { announce, findTarget } from "../dom.js";

/** What "all" means: messages and fields, but not the code, of which one at a time is open. */
const FOLDS = "main .message details, main .schema details";

/** Makes the buttons work, and opens what a link or a printer wants to see. */
export function addFolding() {
  const tools = /** @type {HTMLElement | null} */ (document.querySelector(".tools"));
  if (tools) tools.hidden = false;
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (
    document.querySelectorAll("[data-fold]")
  )) {
    button.addEventListener("click", () => {
      const isOpen = button.dataset["fold"] === "open";
      for (const each of getFolds()) each.open = isOpen;
      announce(isOpen ? "All unfolded" : "All folded");
    });
  }
  addEventListener("hashchange", openTarget);
  openTarget();
  openForPrint();
}

/** @returns {HTMLDetailsElement[]} */
export function getFolds() {
  return [...document.querySelectorAll(FOLDS)].map(
    (each) => /** @type {HTMLDetailsElement} */ (each),
  );
}

/** Opens the message that the URL leads to. */
export function openTarget() {
  const target = findTarget(location.hash);
  const fold = target?.matches(".message") ? target.querySelector("details") : null;
  if (!target || !fold || fold.open) return;
  fold.open = true;
  target.scrollIntoView();
}

function openForPrint() {
  /** @type {HTMLDetailsElement[]} */
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = getFolds().filter((each) => !each.open);
    for (const each of opened) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of opened) each.open = false;
    opened = [];
  });
}
