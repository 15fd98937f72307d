"""A text that a regular expression matches: the same one each time, and a short one.

The expression is parsed by Python's own parser. What that cannot read (some of the syntax of Rust
and of JavaScript, whose expressions stand in JSON Schema too), and what only a search could fulfil,
has no text here.
"""

import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Final

__all__ = ["make_text"]

# Not public, but the only parser of Python's expressions; the module that was public until Python
# 3.11 warns when it is imported.
_parser: Final[Any] = import_module("re._parser")

_MAX_LENGTH: Final = 10_000
_PREFERRED: Final = "a1A-_ .:/@"
_CATEGORIES: Final = {
    "CATEGORY_DIGIT": "1",
    "CATEGORY_NOT_DIGIT": "a",
    "CATEGORY_WORD": "a",
    "CATEGORY_NOT_WORD": "-",
    "CATEGORY_SPACE": " ",
    "CATEGORY_NOT_SPACE": "a",
}


def make_text(pattern: str, min_length: int = 0, max_length: int | None = None) -> str | None:
    """Return a text in which the pattern is found and whose length is within the bounds, or None.

    Lengths are in characters.
    """
    try:
        tree = _parser.parse(pattern)
        expression = re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return None
    for repeats in _get_repeats(min_length):
        try:
            text = _Maker(repeats).make(tree)
        except _NoText:
            return None
        if max_length is None or len(text) <= max_length:
            # Where the pattern is open at its end.
            text = text.ljust(min_length, "a")
            if expression.search(text):
                return text
    return None


class _NoText(ValueError):
    """The expression has a part for which no text is made here."""


def _get_repeats(min_length: int) -> Iterator[int]:
    """Yield how often to repeat what may be repeated: once to be readable, or as is needed."""
    yield 1
    yield 0
    if 1 < min_length <= _MAX_LENGTH:
        yield from range(2, min(min_length, 64) + 1)
        yield min_length


class _Maker:
    """One walk through the tree of an expression."""

    def __init__(self, repeats: int) -> None:
        self._repeats = repeats
        self._groups: dict[int, str] = {}
        self._left = _MAX_LENGTH

    def make(self, tree: Any) -> str:
        return "".join(self._make_part(str(kind), value) for kind, value in tree)

    def _make_part(self, kind: str, value: Any) -> str:
        self._left -= 1
        if self._left < 0:
            raise _NoText
        match kind:
            case "LITERAL":
                return chr(value)
            case "NOT_LITERAL":
                return next(char for char in _PREFERRED if ord(char) != value)
            case "ANY":
                return "a"
            case "AT" | "ASSERT" | "ASSERT_NOT":
                return ""  # whether they hold is looked at in the end
            case "IN":
                return _choose(value)
            case "BRANCH":
                return self.make(value[1][0])
            case "SUBPATTERN":
                text = self.make(value[-1])
                if value[0] is not None:
                    self._groups[value[0]] = text
                return text
            case "ATOMIC_GROUP":
                return self.make(value)
            case "GROUPREF":
                return self._groups.get(value, "")
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                low, high, tree = value
                count = max(low, min(int(high), self._repeats))
                return "".join(self.make(tree) for _ in range(count))
        raise _NoText


def _choose(members: Sequence[tuple[Any, Any]]) -> str:
    """Return a character of a class, a readable one if it has one."""
    found = [(str(kind), value) for kind, value in members]
    is_negated = bool(found) and found[0][0] == "NEGATE"
    ranges = found[1:] if is_negated else found
    for char in _PREFERRED:
        if any(_holds(kind, value, char) for kind, value in ranges) is not is_negated:
            return char
    if is_negated:
        raise _NoText
    kind, value = ranges[0]
    if kind == "CATEGORY":
        return _CATEGORIES[str(value)]
    return chr(value[0] if kind == "RANGE" else value)


def _holds(kind: str, value: Any, char: str) -> bool:
    match kind:
        case "LITERAL":
            return bool(value == ord(char))
        case "RANGE":
            return bool(value[0] <= ord(char) <= value[1])
        case "CATEGORY":
            is_in = {
                "DIGIT": char.isdigit(),
                "WORD": char.isalnum() or char == "_",
                "SPACE": char.isspace(),
            }[str(value).rpartition("_")[2]]
            return is_in is not ("_NOT_" in str(value))
    return False
