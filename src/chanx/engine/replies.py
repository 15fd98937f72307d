"""What a client is told about a frame that is no message: little, whatever came in."""

from collections.abc import Iterable
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import to_json

from chanx.exceptions import MessageInvalid

__all__ = ["MAX_REPLY", "describe_errors", "get_room", "invalid"]

MAX_REPLY: Final = 1024
"""UTF-8 bytes of the whole frame that tells a client of invalid input."""

# Beyond this, Pydantic's list is not even asked for: making it takes time and memory for each.
_MAX_ERRORS_READ: Final = 500
_MAX_TEXT: Final = 200
_MAX_NAME: Final = 64
_MAX_DEPTH: Final = 12
_MORE: Final = "..."

# Bytes beside the texts: of an error with an empty loc and msg, of a type, of the last error of a
# list, which says how many were left out.
_FRAME: Final = len(to_json({"type": "", "loc": ["message"], "msg": ""}))
_TYPE: Final = 64
_LAST: Final = 80


def invalid(kind: str, text: str) -> MessageInvalid:
    """Return the exception for a frame that is wrong as a whole."""
    return MessageInvalid([{"type": kind, "loc": ["message"], "msg": text}])


def get_room(action_key: str) -> int:
    """Return how many bytes the list of errors may take up for the reply to be in its bound."""
    return MAX_REPLY - len(to_json({action_key: "error", "payload": []})) + len("[]")


def describe_errors(error: ValidationError, room: int) -> list[dict[str, Any]]:
    """Return Pydantic's errors as JSON-ready dicts that take up at most ``room`` bytes as JSON.

    They hold no values that came in, only names of keys, cut short. The texts of exceptions that a
    validator of the user's raises are cut, and otherwise sent as they are. Errors that do not fit
    are counted in a last one.
    """
    count = error.error_count()
    if count > _MAX_ERRORS_READ:
        return invalid("too_many_errors", f"{count} errors, the message is far from valid").errors
    errors: list[dict[str, Any]] = []
    # What an error may take for its loc and its msg if it is to fit in alone.
    share = max(0, (room - len("[]") - _FRAME - _TYPE - _LAST) // 2)
    left = room - len("[]")
    for details in error.errors(include_url=False, include_input=False):
        reported = {
            "type": _cut(details["type"], _TYPE, _TYPE),
            "loc": _cut_loc(details["loc"], share),
            "msg": _cut(_get_text(details), _MAX_TEXT, share),
        }
        left -= len(to_json(reported)) + len(",")
        is_last = len(errors) == count - 1
        if errors and left < (0 if is_last else _LAST):
            more = count - len(errors)
            text = f"{more} more error{'s' if more > 1 else ''}"
            return [*errors, *invalid("too_many_errors", text).errors]
        errors.append(reported)
    return errors


def _get_text(details: Any) -> str:
    # Pydantic's own text for this error repeats the input.
    if details["type"] == "union_tag_invalid":
        return (
            f"Unknown {details['ctx']['discriminator']}, known: {details['ctx']['expected_tags']}"
        )
    return str(details["msg"])


def _cut_loc(loc: Iterable[int | str], room: int) -> list[int | str]:
    """Return a path of at most ``room`` bytes beside its first part, with dots where it is cut."""
    cut: list[int | str] = ["message"]
    for place, part in enumerate(loc):
        room -= len(",")
        shown = _cut(part, _MAX_NAME, room - _size(_MORE) - 1) if isinstance(part, str) else part
        room -= _size(shown)
        if place == _MAX_DEPTH or room < _size(_MORE) + 1:
            return [*cut, _MORE]
        cut.append(shown)
    return cut


def _cut(text: str, length: int, room: int) -> str:
    """Return a text of at most ``length`` characters and ``room`` bytes as JSON, dots beside."""
    if len(text) > length:
        text, end = text[:length], _MORE
    else:
        end = ""
    # A validator's text may hold anything; lone surrogates cannot be sent.
    text = text.encode(errors="replace").decode()
    while text and (size := _size(text + end)) > room:
        text, end = text[: min(len(text) - 1, len(text) * max(0, room) // size)], _MORE
    return text + end


def _size(value: Any) -> int:
    return len(to_json(value))
