"""Reading a regular expression of ``re_path`` as the path that a reader would write down."""

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["read_regex"]

_NAME: Final = re.compile(r"\?P<(\w+)>")
_QUANTIFIER: Final = re.compile(r"(?:[?*+]|\{\d+(?:,\d*)?\}|\{,\d+\})[?+]?")
_ANCHORS: Final = "AZzbB"
_CLASSES: Final = "dDwWsS"
_PIECE: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
"""An escaped character, a class in brackets, or any other character."""

Piece = tuple[str | None, str]
"""The name of a parameter ("" if it has none) and what it matches, or None and a text."""


def read_regex(regex: str) -> Iterator[Piece]:
    """Yield the parts of the path in their order: texts, and parameters.

    Groups are parameters, and so is what varies outside of them. Of alternatives the first is
    taken; groups that capture nothing are left out where they may be.
    """
    position = 0
    while position < len(regex):
        match = _PIECE.match(regex, position)
        if match is None:  # never: the last alternative takes any character
            return
        piece, start, position = match[0], position, match.end()
        if piece == "|":
            return
        content = ""
        if piece == "(":
            content = _read_group(regex, position)
            position += len(content) + 1
        quantifier = _QUANTIFIER.match(regex, position)
        if quantifier and piece not in "^$":
            position = quantifier.end()
        repeats = quantifier[0] if quantifier else ""
        if piece == "(":
            yield from _read_content(content, repeats)
        elif (
            piece[0] == "["
            or (piece[0] == "\\" and piece[1] in _CLASSES)
            or (piece == "." and repeats)
        ):
            yield "", regex[start:position]
        elif piece[0] == "\\":
            if piece[1] not in _ANCHORS:
                yield None, piece[1]
        elif piece not in "^$":
            yield None, piece


def _read_content(content: str, repeats: str) -> Iterator[Piece]:
    """Yield the parts that a group stands for."""
    if named := _NAME.match(content):
        yield named[1], content[named.end() :]
    elif content.startswith("?:"):
        if repeats[:1] not in ("?", "*") and not repeats.startswith(("{0", "{,")):
            yield from read_regex(content[2:])
    elif not content.startswith("?"):  # else it looks ahead or behind, sets flags, or is a comment
        yield "", content


def _read_group(regex: str, start: int) -> str:
    """Return the content of the group that opens before ``start``."""
    depth = 1
    for match in _PIECE.finditer(regex, start):
        if match[0] in ("(", ")"):
            depth += 1 if match[0] == "(" else -1
            if depth == 0:
                return regex[start : match.start()]
    return regex[start:]
