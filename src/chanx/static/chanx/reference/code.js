// Code on the page: buttons that copy it, and colours.

import { copy, h } from "../dom.js";

/** Puts a copy button on every block of code and on every address. */
export function addCopyButtons() {
  for (const block of /** @type {NodeListOf<HTMLElement>} */ (
    document.querySelectorAll(".code-block")
  )) {
    addCopyButton(block, block.dataset["name"] ?? "code", () => block.querySelector("pre")?.textContent ?? "");
  }
  for (const address of /** @type {NodeListOf<HTMLElement>} */ (
    document.querySelectorAll("[data-copy]")
  )) {
    addCopyButton(address, address.dataset["name"] ?? "address", () => address.dataset["copy"] ?? "");
  }
}

/**
 * @param {Element} place
 * @param {string} name what is copied
 * @param {() => string} read
 */
function addCopyButton(place, name, read) {
  const button = h("button", { type: "button", "aria-label": `Copy: ${name}` }, "Copy");
  button.addEventListener("click", () => void copy(button, read()));
  place.append(button);
}

/** Gives code its colours when it comes into view, so that long pages load fast. */
export function colourWhenSeen() {
  const observer = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        observer.unobserve(entry.target);
        colour(/** @type {HTMLElement} */ (entry.target));
      }
    },
    { rootMargin: "200px" },
  );
  for (const block of document.querySelectorAll("pre[data-language]")) observer.observe(block);
}

/** @type {Record<string, RegExp>} Groups: comment, key, string, number, word. */
const PATTERNS = {
  JSON: /(?<key>"(?:[^"\\]|\\.)*"(?=\s*:))|(?<string>"(?:[^"\\]|\\.)*")|(?<number>-?\d[\d.eE+-]*)|(?<word>\b(?:true|false|null)\b)/g,
  JavaScript:
    /(?<comment>(?<=^|\s)\/\/.*)|(?<key>"(?:[^"\\\n]|\\.)*"(?=\s*:))|(?<string>"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)|(?<number>\b\d[\d.]*\b)|(?<word>\b(?:const|let|new|true|false|null)\b|=>)/gm,
  Python:
    /(?<comment>(?<=^|\s)#.*)|(?<key>"(?:[^"\\\n]|\\.)*"(?=\s*:))|(?<string>f?"(?:[^"\\\n]|\\.)*")|(?<number>\b\d[\d.]*\b)|(?<word>\b(?:import|from|try|except|with|as|while|pass|True|False|None)\b)/gm,
};

/** @param {HTMLElement} block */
function colour(block) {
  const code = block.querySelector("code");
  const pattern = PATTERNS[block.dataset["language"] ?? ""];
  if (!code || !pattern) return;
  const text = code.textContent ?? "";
  /** @type {(string | Node)[]} */
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    const kind = Object.entries(match.groups ?? {}).find(([, value]) => value !== undefined)?.[0];
    if (!kind) continue;
    parts.push(text.slice(end, match.index), h("span", { class: kind }, match[0]));
    end = match.index + match[0].length;
  }
  code.replaceChildren(...parts, text.slice(end));
}
