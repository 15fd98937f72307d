"""Strict JSON: what comes in is what every client and every channel layer can carry on.

RFC 8259 leaves bounds to the reader (section 9). Ours are: no NaN or Infinity (section 6), no lone
surrogates (section 8.2), whole numbers from -2**63 to 2**64 - 1, which is what MessagePack can
hold, other numbers within the range of a double, and a depth that the caller names. Of equal keys
the last one counts.

The parser itself refuses escaped surrogates and stops at about 200 levels. Everything else is
looked for in the text before it is parsed. A message that shows no sign of it costs one translation
and a few searches; one that does is looked at without its strings. All of it takes linear time,
whatever comes in.
"""

import math
import re
from collections.abc import Mapping
from itertools import accumulate
from typing import Any, Final

from pydantic_core import from_json

from chanx.engine.replies import invalid

__all__ = ["DEFAULT_DEPTH", "check_json", "has_constants", "parse_json"]

DEFAULT_DEPTH: Final = 64
"""Arrays and objects inside of each other; the message itself is the first."""

_MIN_INTEGER: Final = -(2**63)
_MAX_INTEGER: Final = 2**64 - 1
_MAX_INTEGER_LENGTH: Final = 20
"""Characters of the longest numbers within these bounds, the sign included."""


def _make_table(classes: Mapping[bytes, bytes]) -> bytes:
    """Return a table for ``bytes.translate``: a character for each class, else a blank."""
    table = bytearray(b" " * 256)
    for members, sign in classes.items():
        for member in members:
            table[member] = sign[0]
    return bytes(table)


_SIGNS: Final = _make_table({b"0123456789": b"0", b"eE": b"e", b"NI": b"N", b"[{": b"["})
# Signs of exponents (and of numbers, where it does no harm) are taken out, so that one search finds
# all exponents of three digits. Shorter ones take a number out of a double's range only together
# with many digits before them.
_NOT_SEEN: Final = b"+-"
_LONG_EXPONENT: Final = b"0e000"
_MANY_DIGITS: Final = b"0" * 19

_STRUCTURE: Final = bytes.maketrans(b"{}", b"[]")
_NO_STRUCTURE: Final = bytes(set(range(256)) - set(b'[]{}"'))
_STEPS: Final = bytes.maketrans(b"[]", b"\x01\xff")  # up and down, as signed bytes
_QUICK_ROUNDS: Final = 8

_NUMBER: Final = re.compile(rb"[0-9.eE+-]{5,}")


def check_json(text: str, max_depth: int | None) -> None:
    """Raise MessageInvalid for JSON that is beyond the bounds; ``max_depth`` None: any depth.

    A text that is no JSON at all may pass: the parser refuses it.
    """
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise invalid("json_invalid", "Invalid JSON: lone surrogates are no characters") from None
    signs = data.translate(_SIGNS, _NOT_SEEN)
    # ``find`` takes half of the time, or less, that ``in`` takes with short bytes.
    if signs.find(b"N") >= 0 and has_constants(text):
        raise invalid(
            "json_invalid", "Invalid JSON: it has no NaN and no Infinity, send null or a string"
        )
    # Here and not in a function of its own, which would cost each message a fiftieth.
    if (signs.find(_MANY_DIGITS) >= 0 or signs.find(_LONG_EXPONENT) >= 0) and _has_large_number(
        data
    ):
        raise invalid(
            "json_number_too_large",
            "Whole numbers must be from -2**63 to 2**64 - 1 and others within the range of a "
            "double, send larger ones as strings",
        )
    if (
        max_depth is not None
        and len(data) > 2 * max_depth
        and signs.count(b"[") > max_depth
        and _is_deeper(data, max_depth)
    ):
        raise invalid(
            "json_too_deep", f"JSON may be {max_depth} levels deep at most, send flatter data"
        )


def parse_json(text: str, max_depth: int | None = DEFAULT_DEPTH) -> Any:
    """Return the value of a JSON text. Raises MessageInvalid, which is a ValueError."""
    check_json(text, max_depth)
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        raise invalid("json_invalid", "Invalid JSON") from None


def has_constants(text: str) -> bool:
    """Tell whether NaN or Infinity stands in a JSON text, outside of its strings.

    A letter is found 30 to 50 times as fast as a word, and short texts often have neither.
    """
    if not (("N" in text and "NaN" in text) or ("I" in text and "Infinity" in text)):
        return False
    bare = _drop_strings(_drop_escapes(text.encode()))
    return bare.find(b"NaN") >= 0 or bare.find(b"Infinity") >= 0


def _drop_escapes(data: bytes) -> bytes:
    """Take out escaped backslashes, then escaped quotes; other escapes do not matter here."""
    if data.find(b"\\") < 0:
        return data
    return data.replace(b"\\\\", b"").replace(b'\\"', b"")


def _drop_strings(data: bytes) -> bytes:
    # Two quotes in a row open and close, or close and open: without them all else stays on its side
    # of the quotes.
    return b" ".join(data.replace(b'""', b"").split(b'"')[::2])


def _may_be_large(signs: bytes) -> bool:
    return signs.find(_MANY_DIGITS) >= 0 or signs.find(_LONG_EXPONENT) >= 0


def _has_large_number(data: bytes) -> bool:
    bare = _drop_strings(_drop_escapes(data))
    # Hexadecimal digits in strings often look like an exponent: most texts end here.
    if not _may_be_large(bare.translate(_SIGNS, _NOT_SEEN)):
        return False
    return any(_is_large(match[0]) for match in _NUMBER.finditer(bare))


def _is_large(number: bytes) -> bool:
    if number.removeprefix(b"-").isdigit():
        # The length first: conversion to int takes quadratic time, and raises for 4,301 digits.
        return len(number) > _MAX_INTEGER_LENGTH or not (
            _MIN_INTEGER <= int(number) <= _MAX_INTEGER
        )
    try:
        return math.isinf(float(number))
    except ValueError:  # no number: the parser says so
        return False


def _is_deeper(data: bytes, max_depth: int) -> bool:
    """Tell whether brackets are nested deeper; of texts that are no JSON it may say either."""
    brackets = _drop_escapes(data).translate(_STRUCTURE, _NO_STRUCTURE)
    brackets = _drop_strings(brackets).replace(b" ", b"")
    for _ in range(min(max_depth, _QUICK_ROUNDS)):
        # Each round takes out the innermost pairs, which is one level: a tenth of the time that
        # counting takes, and most JSON is gone after a few.
        brackets = brackets.replace(b"[]", b"")
        max_depth -= 1
    if not brackets:
        return False
    steps = memoryview(brackets.translate(_STEPS)).cast("b")
    return max(accumulate(steps)) > max_depth
