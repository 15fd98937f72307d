r"""A text that a regular expression matches: the same one each time, and a short one.

The expression is parsed by Python's own parser. What that cannot read (some of the syntax of Rust
and of JavaScript, whose expressions stand in JSON Schema too), and what only a search could fulfil,
has no text here.

Whether a text matches is asked of Rust's engine, which takes a time that grows with the text alone:
``^(\w+)+!$`` keeps Python's busy for years with a text of sixty letters.
"""

import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Final

from pydantic_core import SchemaError, SchemaValidator, core_schema

__all__ = ["MAX_SEARCHED", "make_text", "matches"]

# Not public, but the only parser of Python's expressions; the module that was public until Python
# 3.11 warns when it is imported.
_parser: Final[Any] = import_module("re._parser")

_END: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\z")
_MAX_LENGTH: Final = 10_000
MAX_SEARCHED: Final = 20
"""Characters of a text that Python's engine is asked about."""
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
        # Rust's name for the end, which Python has from 3.14 on.
        tree = _parser.parse(_END.sub(r"\1\\Z", pattern))
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
            if matches(pattern, text):
                return text
    return None


def matches(pattern: str, text: str) -> bool:
    """Tell whether a pattern is found in a text; False where that would take too long to know."""
    try:
        validator = SchemaValidator(core_schema.str_schema(pattern=pattern))
    except SchemaError:  # Rust's has no lookaround and no references to groups
        try:
            return len(text) <= MAX_SEARCHED and re.search(pattern, text) is not None
        except (re.error, OverflowError, RecursionError):
            return False
    return validator.isinstance_python(text)


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
