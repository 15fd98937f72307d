"""Changes to valid messages: in their structure, and in their text."""

import json
import random
from collections.abc import Callable
from typing import Any, Final

from stress.fuzz.values import make_text, make_value

__all__ = ["mutate"]

_LITERALS: Final = (
    *("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1E999999999", "-0", "-0.0", "1e-400"),
    *("9" * 19, "9" * 20, "-" + "9" * 25, "9" * 4301, "18446744073709551615", "1" + "0" * 400),
    *("0." + "1" * 500, "01", "1.", ".1", "+1", "0x10", "1_000", "None", "True", "undefined"),
    *(r'"\ud800"', r'"\udc00\ud800"', r'"\ud83d\ude00"', r'"\u0000"', r'"\u12"', r'"\q"'),
    *('"\x00"', '"\t"', '"', "'a'", "[", "]", "{", "}", "{}", "[]", "[,]", "[1,]", "{,}"),
    *('{"a":1,"a":2}', '{"":{"":{"":0}}}', "[[[[[[[[]]]]]]]]", "null", "true", '"9999-12-31"'),
    *('"0000-00-00T00:00:00Z"', '"P1D"', '"NaN"', '"Infinity"', '"sNaN"', '"1E+999999"', '"-0"'),
)
_HOLE: Final = "\N{WHITE SQUARE}hole\N{WHITE SQUARE}"


def mutate(rng: random.Random, message: dict[str, Any]) -> str:
    """Return the text of a message with one change to four; it may happen to be valid still."""
    literal = None
    if rng.random() < 0.6:
        _change_structure(rng, message)
        if rng.random() < 0.4:
            literal = rng.choice(_LITERALS)
            _replace_node(rng, message, _HOLE)
    text = json.dumps(message, ensure_ascii=rng.random() < 0.5)
    if literal is not None:
        # However the hole was written.
        text = text.replace(json.dumps(_HOLE), literal).replace(f'"{_HOLE}"', literal)
    if literal is None or rng.random() < 0.2:
        for _ in range(rng.randrange(1, 4)):
            text = rng.choice(_TEXT_CHANGES)(rng, text)
    return text


def _change_structure(rng: random.Random, message: dict[str, Any]) -> None:
    choice = rng.randrange(6)
    if choice == 0:
        message["action"] = make_value(rng, 2)
    elif choice == 1:
        del message[rng.choice(("action", "payload"))]
    elif choice == 2:
        message["payload"] = [message.get("payload")] * rng.randrange(4)
    elif choice == 3:
        message[make_text(rng)] = make_value(rng, 3)
    else:
        _replace_node(rng, message, make_value(rng, 2))


def _replace_node(rng: random.Random, message: dict[str, Any], value: Any) -> None:
    """Put a value somewhere into a message, at a depth that is random too."""
    container: Any = message
    while True:
        keys = list(container) if isinstance(container, dict) else range(len(container))
        if not keys:
            return
        key = rng.choice(keys)
        inner = container[key]
        if isinstance(inner, dict | list) and inner and rng.random() < 0.8:
            container = inner
            continue
        if isinstance(container, dict) and rng.random() < 0.2:
            container[make_text(rng)] = container.pop(key)
        else:
            container[key] = value
        return


def _cut(rng: random.Random, text: str) -> str:
    return text[: rng.randrange(len(text) + 1)]


def _remove(rng: random.Random, text: str) -> str:
    start = rng.randrange(len(text) + 1)
    return text[:start] + text[start + rng.randrange(1, 8) :]


def _repeat(rng: random.Random, text: str) -> str:
    start = rng.randrange(len(text) + 1)
    end = start + rng.randrange(1, 40)
    return text[:end] + text[start:end] * rng.randrange(1, 4) + text[end:]


def _insert(rng: random.Random, text: str) -> str:
    start = rng.randrange(len(text) + 1)
    return text[:start] + rng.choice(_LITERALS) + text[start:]


def _overwrite(rng: random.Random, text: str) -> str:
    start = rng.randrange(len(text) + 1)
    return text[:start] + chr(rng.choice((rng.randrange(128), 0x20AC, 0x1F600))) + text[start + 1 :]


def _swap(rng: random.Random, text: str) -> str:
    start, end = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
    return text[end:] + text[start:end] + text[:start]


def _wrap(rng: random.Random, text: str) -> str:
    before, after = rng.choice((("[", "]"), (" \n\t", " "), ("\ufeff", ""), ('"', '"'), ("", "\0")))
    return before + text + after


def _duplicate_key(rng: random.Random, text: str) -> str:
    key = rng.choice(("action", "payload", "kind", "name"))
    return text.replace("{", f'{{"{key}":{rng.choice(_LITERALS)},', 1)


_TEXT_CHANGES: Final[tuple[Callable[[random.Random, str], str], ...]] = (
    _cut,
    _remove,
    _repeat,
    _insert,
    _overwrite,
    _swap,
    _wrap,
    _duplicate_key,
)
