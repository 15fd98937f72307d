"""What an answer must be, whatever it answers."""

import json
import re
from typing import Any, Final, NoReturn

from stress.fuzz.frames import Case

__all__ = ["LONGEST_ERROR", "BadAnswer", "check_answer", "parse_strictly"]

LONGEST_ERROR: Final = 1024
"""Bytes of an error reply."""

_MAY_BE_LONG: Final = re.compile(rb"\d{19}")
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1


class BadAnswer(Exception):
    """An answer is not what it must be; the text says how."""


def check_answer(case: Case, data: bytes) -> str:
    """Return the action of the answer to a case. Raises BadAnswer."""
    answer = parse_strictly(data)
    if not isinstance(answer, dict) or not isinstance(answer.get("action"), str):
        raise BadAnswer("not a message")
    action: str = answer["action"]
    if action == "error":
        if len(data) > LONGEST_ERROR:
            raise BadAnswer(f"an error of {len(data)} bytes")
        if not isinstance(answer["payload"], list):
            # The server's own failure: no frame of a client may cause one.
            raise BadAnswer("the handler failed")
    if case.action is not None and action != case.action:
        raise BadAnswer(f"{action!r} where {case.action!r} was due")
    if case.action in ("any", "mark") and not _are_same(answer["payload"], case.payload):
        raise BadAnswer("another payload than was sent")
    return action


def parse_strictly(data: bytes) -> Any:
    """Return what is in a frame, by RFC 8259 and not by what Python takes beyond it."""
    try:
        text = data.decode()
        if _MAY_BE_LONG.search(data):
            parsed = json.loads(text, parse_constant=_refuse, parse_int=_parse_int)
        else:
            parsed = json.loads(text, parse_constant=_refuse)
        if "\\ud" in text or "\\uD" in text:
            # A lone surrogate has no form in UTF-8.
            json.dumps(parsed, ensure_ascii=False).encode()
    except ValueError as error:
        raise BadAnswer(f"not strict JSON: {error}") from None
    return parsed


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _parse_int(digits: str) -> int:
    number = int(digits)
    if not _SMALLEST <= number <= _LARGEST:
        raise ValueError("an integer of more than 64 bits")
    return number


def _are_same(one: Any, other: Any) -> bool:
    """Tell whether values are equal, types and all: in Python 1 == 1.0 == True."""
    return one == other and repr(one) == repr(other)
