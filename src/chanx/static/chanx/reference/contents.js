// The list of contents: marks the chapter that is being read, and folds on narrow screens.

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
    document.querySelectorAll(".links a")
  )) {
    const chapter = document.getElementById(decodeURIComponent(link.hash.slice(1)));
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
        if (chapter === first) {
          link.setAttribute("aria-current", "true");
          link.scrollIntoView({ block: "nearest" });
        } else {
          link.removeAttribute("aria-current");
        }
      }
    },
    { rootMargin: "-80px 0px -60% 0px" },
  );
  for (const chapter of links.keys()) observer.observe(chapter);
}
