"""Random values, and payloads that are valid for the schema under fuzz."""

import random
import uuid
from collections.abc import Callable
from typing import Any, Final

__all__ = ["MAKERS", "make_text", "make_value"]

_ALPHABETS: Final = (
    "abcdefghijklmnopqrstuvwxyz -_0123456789",
    "".join(map(chr, range(0x20))) + '"\\/',
    "\N{GREEK SMALL LETTER ALPHA}\N{EURO SIGN}\N{CJK UNIFIED IDEOGRAPH-4E2D}\u200d\u202e\u2028",
    "\N{GRINNING FACE}\N{REGIONAL INDICATOR SYMBOL LETTER A}\U0010ffff\ufffe\uffff\ufeff\x7f\x85",
)
_INTEGERS: Final = (0, -1, 1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63))
_FLOATS: Final = (0.0, -0.0, 5e-324, 1.7976931348623157e308, 0.1, 1e22, -1.5)


def make_text(rng: random.Random, longest: int = 12) -> str:
    """Return a text, often of odd letters; never with a lone surrogate."""
    alphabet = _ALPHABETS[0] if rng.random() < 0.6 else rng.choice(_ALPHABETS)
    return "".join(rng.choices(alphabet, k=rng.randrange(longest + 1)))


def make_value(rng: random.Random, depth: int) -> Any:
    """Return a value that JSON can hold: 64 bits at most, no NaN, at most ``depth`` levels."""
    choice = rng.randrange(8 if depth > 0 else 6)
    if choice == 0:
        return rng.choice((None, True, False))
    if choice == 1:
        return rng.choice(_INTEGERS) if rng.random() < 0.3 else rng.randrange(-1000, 1000)
    if choice == 2:
        return rng.choice(_FLOATS) if rng.random() < 0.3 else rng.uniform(-1e6, 1e6)
    if choice <= 5:
        return make_text(rng)
    size = rng.randrange(4)
    if choice == 6:
        return [make_value(rng, depth - 1) for _ in range(size)]
    return {make_text(rng): make_value(rng, depth - 1) for _ in range(size)}


def _make_name(rng: random.Random) -> str:
    return make_text(rng) or "name"


def _make_point(rng: random.Random) -> dict[str, Any]:
    point: dict[str, Any] = {"x": rng.uniform(-90, 90), "y": rng.choice(_FLOATS)}
    if rng.random() < 0.5:
        point["label"] = rng.choice((None, _make_name(rng)))
    return point


def _make_drawing(rng: random.Random) -> tuple[str, Any]:
    shape: dict[str, Any]
    if rng.random() < 0.5:
        shape = {"kind": "circle", "center": _make_point(rng), "radius": rng.uniform(0.1, 1e6)}
    else:
        points = [_make_point(rng) for _ in range(rng.randrange(6))]
        shape = {"kind": "polygon", "points": points}
    return "draw", {"shape": shape, "color": rng.choice(("red", "green"))}


def _make_order(rng: random.Random) -> dict[str, Any]:
    day = f"{rng.randrange(1, 10000):04}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
    zone = rng.choice(("", "Z", "+14:00", "-00:30"))
    hour = f"{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}"
    amount = f"{rng.randrange(10**9)}.{rng.randrange(100):02}"
    order: dict[str, Any] = {
        "id": str(uuid.UUID(int=rng.getrandbits(128))),
        "at": f"{day}T{hour}.{rng.randrange(10**6):06}{zone}",
        "amount": rng.choice((amount, rng.randrange(10**6))),
        "color": rng.choice(("red", "green")),
        "priority": rng.choice((1, 2)),
        "slug": "a-1",
    }
    if rng.random() < 0.5:
        order |= {"due": day, "hour": hour}
    if rng.random() < 0.5:
        order["tags"] = [_make_name(rng) for _ in range(rng.randrange(5))]
    if rng.random() < 0.5:
        order["attributes"] = {make_text(rng): make_value(rng, 0) for _ in range(rng.randrange(5))}
    return order


def _make_orders(rng: random.Random) -> tuple[str, Any]:
    if rng.random() < 0.7:
        return "order", _make_order(rng)
    return "order", [_make_order(rng) for _ in range(rng.randrange(3))]


def _make_node(rng: random.Random, depth: int) -> dict[str, Any]:
    node: dict[str, Any] = {"name": make_text(rng)}
    if depth:
        node["children"] = [_make_node(rng, depth - 1) for _ in range(rng.randrange(3))]
    return node


def _make_tree(rng: random.Random) -> tuple[str, Any]:
    return "tree", _make_node(rng, rng.randrange(5))


def _make_any(rng: random.Random) -> tuple[str, Any]:
    return "any", make_value(rng, rng.choice((1, 2, 5)))


def _make_tuple(rng: random.Random) -> tuple[str, Any]:
    return "tuple", [rng.choice(_INTEGERS), make_text(rng), rng.random() < 0.5]


def _make_strict(rng: random.Random) -> tuple[str, Any]:
    lists = range(rng.randrange(4))
    return "strict", {make_text(rng): [rng.choice(_INTEGERS)] * rng.randrange(3) for _ in lists}


def _make_switch(rng: random.Random) -> tuple[str, Any]:
    return rng.choice(("start", "stop")), rng.choice((None, True, 7))


MAKERS: Final[tuple[Callable[[random.Random], tuple[str, Any]], ...]] = (
    _make_drawing,
    _make_orders,
    _make_tree,
    _make_any,
    _make_tuple,
    _make_strict,
    _make_switch,
)
"""Each returns an action and a payload that is valid for it."""
