// What the scripts of both pages need of the document. Text is always set as text: nothing here
// takes markup.

/**
 * @typedef {Node | string | number | null | undefined | false} Child
 * What is shown; null, undefined and false show nothing.
 */

/**
 * Returns a new element.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} [attributes] "on..." with a function listens; `true` sets an empty
 *   attribute; false, null and undefined set none. `value` and `checked` set the property.
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === "function" && name.startsWith("on")) {
      element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else if (name === "value" || name === "checked") {
      Reflect.set(element, name, value);
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  append(element, ...children);
  return element;
}

/**
 * Puts children at the end of an element.
 *
 * @param {Element} element
 * @param {...(Child | Child[])} children
 */
export function append(element, ...children) {
  for (const child of children.flat()) {
    if (child === false || child === null || child === undefined) continue;
    element.append(typeof child === "number" ? String(child) : child);
  }
}

/**
 * Returns the text of a description: what stands between backticks is code, as in the reference.
 *
 * @param {string} text
 * @returns {Child[]}
 */
export function formatProse(text) {
  return text.split(/(?<!`)`([^`]+)`(?!`)/).map((part, index) => (index % 2 ? h("code", {}, part) : part));
}

/**
 * Returns the element with an id, which must be there.
 *
 * @template {Element} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no element #${id}`);
  return /** @type {T} */ (/** @type {unknown} */ (found));
}

/**
 * Returns the element that an address's fragment leads to, if there is one.
 *
 * @param {string} hash "#" and the id, encoded as in a URL; it comes from whoever made the link
 * @returns {HTMLElement | null}
 */
export function findTarget(hash) {
  try {
    return document.getElementById(decodeURIComponent(hash.slice(1)));
  } catch {
    return null; // no encoding of any text, like "#100%"
  }
}

/**
 * Says something to screen readers, in the page's live region with the id "announcer".
 *
 * @param {string} text
 */
export function announce(text) {
  const region = byId("announcer");
  region.textContent = "";
  // A text that stays the same is not read again; the empty one between makes it another.
  requestAnimationFrame(() => {
    region.textContent = text;
  });
}

/** @type {WeakMap<HTMLElement, {text: string, label: string | null, timer: ReturnType<typeof setTimeout>}>} */
const copied = new WeakMap();

/**
 * Puts text on the clipboard and says so on the button for a moment.
 *
 * @param {HTMLElement} button
 * @param {string} text
 */
export async function copy(button, text) {
  const before = copied.get(button);
  clearTimeout(before?.timer);
  const own = before?.text ?? button.textContent ?? "";
  const label = button.getAttribute("aria-label");
  const show = (/** @type {string} */ word) => {
    // A name begins with what is to be seen (WCAG 2.5.3).
    if (label?.startsWith(button.textContent ?? "")) {
      button.setAttribute("aria-label", word + label.slice(button.textContent?.length));
    }
    button.textContent = word;
  };
  try {
    await writeToClipboard(text);
    show("Copied");
    announce("Copied");
  } catch {
    show("Not copied");
    announce("The browser did not allow to copy");
  }
  const timer = setTimeout(() => {
    if (label !== null) button.setAttribute("aria-label", before?.label ?? label);
    button.textContent = own;
    copied.delete(button);
  }, 1500);
  copied.set(button, { text: own, label: before?.label ?? label, timer });
}

/** @param {string} text */
async function writeToClipboard(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Pages over plain HTTP have no clipboard, but for localhost.
  const area = h("textarea", { class: "visually-hidden", "aria-hidden": "true", value: text });
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  if (!done) throw new Error("not allowed");
}
