"""Docstrings as a page shows them: paragraphs, lists and code, in parts that a template escapes.

No markup is made here, and none that stands in a text counts, but for backticks.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["Block", "Span", "parse_spans", "parse_text"]

_CODE: Final = re.compile(r"(?<!`)(`{1,2})(?!`)(.+?)(?<!`)\1(?!`)")
_ITEM: Final = re.compile(r"(?:[-*+]|(\d{1,3})[.)])\s+(?=\S)")
_BEGIN: Final = re.compile(r"(?:[-*+]|1[.)])\s+\S")
"""What begins a list right below a paragraph. Another number may well be the end of a sentence."""
_FENCE: Final = "```"


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text within a line."""

    text: str
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a text. ``lines``: one for a paragraph, one an item for a list.

    ``start``: the number of the first item, where items have numbers.

    The only line of "code" is all of its text, with its own ends of lines.
    """

    kind: Literal["paragraph", "list", "code"]
    lines: tuple[tuple[Span, ...], ...]
    start: int | None = None


def parse_spans(text: str) -> tuple[Span, ...]:
    """Return a line in parts: what stands between single or double backticks is code."""
    found: list[Span] = []
    end = 0
    for match in _CODE.finditer(text):
        if match.start() > end:
            found.append(Span(text[end : match.start()]))
        found.append(Span(match[2].strip(), is_code=True))
        end = match.end()
    if end < len(text):
        found.append(Span(text[end:]))
    return tuple(found)


def parse_text(text: str) -> tuple[Block, ...]:
    """Return the blocks of a text, which empty lines divide.

    Lines that are set in by four spaces, or stand between lines of three backticks, are code.
    """
    found: list[Block] = []
    chunk: list[str] = []
    is_fenced = False

    def finish() -> None:
        if any(line.strip() for line in chunk):
            found.extend([_make_code(chunk)] if is_fenced else _make_blocks(chunk))
        chunk.clear()

    for line in text.expandtabs(4).splitlines():
        if line.strip().startswith(_FENCE):
            finish()
            is_fenced = not is_fenced
        elif not line.strip() and not is_fenced:
            finish()
        else:
            chunk.append(line.rstrip())
    finish()
    return tuple(found)


def _make_blocks(lines: list[str]) -> Iterator[Block]:
    if all(line.startswith("    ") for line in lines):
        yield _make_code(lines)
        return
    lines = [line.strip() for line in lines]
    first = _ITEM.match(lines[0])
    if not first:
        end = next((i for i, line in enumerate(lines) if _BEGIN.match(line)), len(lines))
        yield Block("paragraph", (parse_spans(" ".join(lines[:end])),))
        if end < len(lines):
            yield from _make_blocks(lines[end:])
        return
    items: list[str] = []
    for line in lines:
        if match := _ITEM.match(line):
            items.append(line[match.end() :])
        else:
            items[-1] += f" {line}"
    start = int(first[1]) if first[1] else None
    yield Block("list", tuple(parse_spans(item) for item in items), start)


def _make_code(lines: list[str]) -> Block:
    text = textwrap.dedent("\n".join(lines)).strip("\n")
    return Block("code", ((Span(text, is_code=True),),))
