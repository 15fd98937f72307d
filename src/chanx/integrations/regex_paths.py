"""Reading a regular expression of ``re_path`` as the path that a reader would write down."""

import re
from collections.abc import Callable, Iterator
from typing import Final

__all__ = ["find_problem", "read_regex"]

_NAME: Final = re.compile(r"\?P<(\w+)>")
_REFERENCE: Final = re.compile(r"\?P=(\w+)")
_PLAIN_GROUP: Final = re.compile(r"\?(?:[a-zA-Z]*(?:-[a-z]+)?:|>)")
"""One that captures nothing, may set flags for what it holds, and may be atomic."""
_QUANTIFIER: Final = re.compile(r"(?:[?*+]|\{\d+(?:,\d*)?\}|\{,\d+\})[?+]?")
_ANCHORS: Final = "AZzbB"
_CLASSES: Final = "dDwWsS"
_CONTROLS: Final = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
_CODE: Final = re.compile(r"\\[xuU]([0-9a-fA-F]+)")
_PIECE: Final = re.compile(
    r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)|\[\^?\]?(?:\\.|[^\]\\])*\]|.",
    re.DOTALL,
)
"""An escaped character, a class in brackets, or any other character."""
_MAX_REPEATS: Final = 100
_INNER_NAME: Final = re.compile(r"\(\?P<(\w+)>")

Piece = tuple[str | None, str]
"""The name of a parameter ("" if it has none) and what it matches, or None and a text.

What a group matched before stands in texts as ``{name}``.
"""


def find_problem(regex: str, make_text: Callable[[str], str | None]) -> str | None:
    """Return why the path of ``read_regex`` does not stand for the whole route, or None.

    ``make_text`` makes a text that an expression matches, if it can.
    """
    try:
        compiled = re.compile(regex)
    except re.error as error:
        return f"it is no regular expression ({error}), so that nobody can connect: correct it"
    pieces = list(read_regex(regex))
    shown = {name for name, _ in pieces if name}
    inside = {name for _, text in pieces for name in _INNER_NAME.findall(text)}
    if missing := [name for name in compiled.groupindex if name not in shown | inside]:
        names = ", ".join(missing)
        return (
            f"{names} need not be in the path, and so is not described: write a route for each "
            "form of the path"
        )
    example, made = "", {}
    for name, text in pieces:
        part = text if name is None else make_text(f"^(?:{text})$")
        if part is None:  # of which no example can be made
            return None
        if name:
            made[name] = part
        example += part
    for name, part in made.items():
        example = example.replace(f"{{{name}}}", part)
    if compiled.search(example):
        return None
    return "its path is described as one that leads elsewhere: use path(), or a simpler expression"


def read_regex(regex: str) -> Iterator[Piece]:
    """Yield the parts of the path in their order: texts, and parameters.

    Groups are parameters, and so is what varies outside of them; of groups within each other those
    that have a name. Of alternatives the first is taken; groups that capture nothing are left out
    where they may be.
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
                yield None, _read_escape(piece) * _count(repeats)
        elif piece not in "^$":
            yield None, piece * _count(repeats)


def _read_escape(piece: str) -> str:
    if code := _CODE.fullmatch(piece):
        return chr(int(code[1], 16))
    return _CONTROLS.get(piece[1], piece[1])


def _count(repeats: str) -> int:
    """Return how often a text stands there: as often as it must, and once if it need not."""
    least = re.match(r"\{(\d+)", repeats)
    return min(max(1, int(least[1])), _MAX_REPEATS) if least else 1


def _read_content(content: str, repeats: str) -> Iterator[Piece]:
    """Yield the parts that a group stands for."""
    is_optional = repeats[:1] in ("?", "*") or repeats.startswith(("{0", "{,"))
    suffix = "" if is_optional else repeats
    if named := _NAME.match(content):
        yield named[1], _repeat(content[named.end() :], suffix)
    elif reference := _REFERENCE.match(content):
        yield None, f"{{{reference[1]}}}" * _count(repeats)
    elif plain := _PLAIN_GROUP.match(content):
        if not is_optional:
            pieces = list(read_regex(content[plain.end() :]))
            varies = any(name is not None for name, _ in pieces)
            yield from pieces * (1 if varies else _count(repeats))
    elif content.startswith("?"):
        return  # it looks ahead or behind, sets flags, or is a comment
    elif _INNER_NAME.search(content):
        yield from read_regex(content)
    else:
        yield "", _repeat(content, suffix)


def _repeat(content: str, repeats: str) -> str:
    return f"(?:{content}){repeats}" if repeats else content


def _read_group(regex: str, start: int) -> str:
    """Return the content of the group that opens before ``start``."""
    depth = 1
    for match in _PIECE.finditer(regex, start):
        if match[0] in ("(", ")"):
            depth += 1 if match[0] == "(" else -1
            if depth == 0:
                return regex[start : match.start()]
    return regex[start:]
