"""Reading the Markdown of README.md and docs/, and the example files that it shows.

A fence that shows a file stands below ``<!-- example: lobby/consumers.py#messages -->``: the lines
of docs/examples/lobby/consumers.py between "region: messages" and "endregion: messages", or without
a name all of its lines. Other comments of this form (``exchange``, ``log``) say in the same way
where the content of a fence comes from.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "DOCS",
    "EXAMPLES",
    "PAGES",
    "ROOT",
    "Fence",
    "get_anchors",
    "get_example",
    "get_fences",
    "get_links",
    "get_prose",
    "get_tables",
]

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
EXAMPLES = DOCS / "examples"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]

_FENCE = re.compile(
    r"(?:^<!-- (?P<kind>\w+):? ?(?P<argument>.*?) -->\n\n?)?"
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_REGION = re.compile(r"^\s*(?:#|//) (?P<end>end)?region: (?P<name>\w+)$")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]\[]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Fence:
    """A block of code on a page: what it is, where its content comes from, and its content."""

    page: Path
    line: int
    language: str
    kind: str | None
    argument: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def get_fences(*kinds: str) -> list[Fence]:
    """Return the blocks of all pages, or those whose content comes from one of these kinds."""
    found = [fence for page in PAGES for fence in _read_fences(page)]
    return [fence for fence in found if fence.kind in kinds] if kinds else found


def _read_fences(page: Path) -> Iterator[Fence]:
    content = page.read_text("utf-8")
    for match in _FENCE.finditer(content):
        line = content.count("\n", 0, match.start("language")) + 1
        yield Fence(
            page,
            line,
            match["language"],
            match["kind"],
            match["argument"] or "",
            match["text"],
        )


def get_example(reference: str) -> str:
    """Return the lines of an example file, or of a region of it, without the region's marks."""
    name, _, wanted = reference.partition("#")
    lines: list[str] = []
    open_regions: set[str] = set()
    is_known = not wanted
    for line in (EXAMPLES / name).read_text("utf-8").splitlines():
        if match := _REGION.match(line):
            change = open_regions.discard if match["end"] else open_regions.add
            change(match["name"])
            is_known = is_known or match["name"] == wanted
        elif not wanted or wanted in open_regions:
            lines.append(line)
    assert is_known, f"{name} has no region {wanted!r}"
    assert not open_regions, f"{name} does not end its regions {open_regions}"
    return textwrap.dedent("\n".join(lines)).strip("\n") + "\n"


def get_prose(page: Path) -> str:
    """Return a page without its code blocks."""
    return _FENCE.sub("", page.read_text("utf-8"))


def get_links(page: Path) -> list[str]:
    """Return the targets of a page's links."""
    return _LINK.findall(get_prose(page))


def get_anchors(page: Path) -> set[str]:
    """Return the anchors that forges make for the headings of a page."""
    anchors: set[str] = set()
    for heading in _HEADING.findall(get_prose(page)):
        text = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        number = 0
        anchor = text
        while anchor in anchors:
            number += 1
            anchor = f"{text}-{number}"
        anchors.add(anchor)
    return anchors


def get_tables(page: Path) -> list[list[str]]:
    """Return the rows of all tables of a page, as lists of cells."""
    rows = re.findall(r"^\|(.+)\|$", get_prose(page), re.MULTILINE)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)] for row in rows]
