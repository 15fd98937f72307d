"""Frames from a seed: valid ones, mutated ones, and noise."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from stress.fuzz.mutations import mutate
from stress.fuzz.values import MAKERS, make_text, make_value
from stress.wire import BINARY, CONTINUATION, PING, TEXT, make_frame

__all__ = ["LARGEST", "Case", "generate", "make_case", "make_mark"]

LARGEST: Final = 64 * 1024
"""Bytes that a frame may have; MAX_MESSAGE_SIZE."""

_MARK_EVERY: Final = 50

_TOKENS: Final = (
    *("{", "}", "[", "]", ":", ",", '"', "\\", " ", "\n", "\x00", "\ufeff", "\u2028"),
    *("null", "true", "NaN", "-Infinity", "1e999", "-0", "0x1", "01", "1.", ".5", "+1", "//"),
    *(r'"\ud800"', r'"\u0000"', r'"\x"', "'a'", '"action"', '"payload"', '"any"', '"draw"'),
)


@dataclass(frozen=True, slots=True)
class Case:
    """A frame and what is known of its answer."""

    kind: str
    data: bytes
    opcode: int = TEXT
    action: str | None = None
    """The action of the answer; None: a reply or an error, whichever."""
    payload: Any = None
    """What must come back, with the actions "any" and "mark"."""

    def to_wire(self, rng: random.Random) -> bytes:
        """Return the bytes for the socket; a few frames go in fragments, with a ping between."""
        if rng.random() > 0.02 or len(self.data) < 2:
            return make_frame(self.data, self.opcode)
        cut = rng.randrange(1, len(self.data))
        return (
            make_frame(self.data[:cut], self.opcode, is_final=False)
            + make_frame(b"between", PING)
            + make_frame(self.data[cut:], CONTINUATION)
        )


def make_mark(number: int) -> Case:
    """Return a message whose answer is known to the last digit."""
    text = f'{{"action":"mark","payload":{number}}}'
    return Case("mark", text.encode(), action="mark", payload=number)


def generate(seed: str, count: int) -> Iterator[Case]:
    """Yield this many cases; the same ones for the same seed."""
    rng = random.Random(seed)
    for number in range(count):
        is_mark = number % _MARK_EVERY == _MARK_EVERY - 1
        yield make_mark(number) if is_mark else make_case(rng)


def make_case(rng: random.Random) -> Case:
    """Return a case of some kind."""
    [make] = rng.choices(_MAKERS, _WEIGHTS)
    return make(rng)


def _make_valid(rng: random.Random) -> Case:
    action, payload = rng.choice(MAKERS)(rng)
    message: dict[str, Any] = {"action": action, "payload": payload}
    if action != "strict" and rng.random() < 0.1:
        message[make_text(rng)] = make_value(rng, 2)
        # The key that was drawn may be one of these.
        message |= {"action": action, "payload": payload}
    text = json.dumps(message, ensure_ascii=rng.random() < 0.5)
    return Case("valid", text.encode(), action=action, payload=payload)


def _make_mutated(rng: random.Random) -> Case:
    action, payload = rng.choice(MAKERS)(rng)
    text = mutate(rng, {"action": action, "payload": payload})
    return Case("mutated", _encode(text))


def _make_soup(rng: random.Random) -> Case:
    text = "".join(rng.choices(_TOKENS, k=rng.randrange(40)))
    return Case("tokens", text.encode())


def _make_noise(rng: random.Random) -> Case:
    return Case("text", make_text(rng, 200).encode())


def _make_json(rng: random.Random) -> Case:
    return Case("json", json.dumps(make_value(rng, 4)).encode())


def _make_binary(rng: random.Random) -> Case:
    is_message = rng.random() < 0.5
    data = _make_valid(rng).data if is_message else rng.randbytes(rng.randrange(200))
    return Case("binary", data, BINARY, action="error")


def _make_empty(rng: random.Random) -> Case:
    return Case("empty", b"", rng.choice((TEXT, BINARY)), action="error")


def _make_deep(rng: random.Random) -> Case:
    depth = int(10 ** rng.uniform(1, 4))
    opening, closing = rng.choice((("[", "]"), ('{"a":', "}"), ('[{"b":', "}]")))
    closed = closing * rng.choice((depth, depth, depth - 1, 0))
    text = f'{{"action":"any","payload":{opening * depth}1{closed}}}'
    return Case("deep", _encode(text))


def _make_large(rng: random.Random) -> Case:
    """Fill a frame to the limit, or nearly: with one string, many numbers, many keys or errors."""
    head, unit, tail = rng.choice(
        (
            ('{"action":"any","payload":"', rng.choice(("x", "\N{GRINNING FACE}", "\\n")), '"}'),
            ('{"action":"any","payload":[0', ",1234567", "]}"),
            ('{"action":"strict","payload":{"a":[0', ',"x"', "]}}"),
            ('{"action":"draw","payload":{"shape":{"kind":"polygon","points":[0', ",{}", "]}}}"),
            ('{"action":"', "a", '"}'),
            ("[0", ",[]", "]"),
        )
    )
    room = LARGEST - rng.choice((0, 1, 2, rng.randrange(4096))) - len(head) - len(tail)
    return Case("large", f"{head}{unit * (room // len(unit.encode()))}{tail}".encode())


_KINDS: Final[dict[Callable[[random.Random], Case], float]] = {
    _make_valid: 35,
    _make_mutated: 40,
    _make_soup: 8,
    _make_noise: 6,
    _make_json: 6,
    _make_binary: 3,
    _make_empty: 1,
    _make_deep: 0.9,
    _make_large: 0.1,
}
_MAKERS: Final = list(_KINDS)
_WEIGHTS: Final = list(_KINDS.values())


def _encode(text: str) -> bytes:
    """Return the text as a client can send it: UTF-8, and no larger than the limit."""
    data = text.encode("utf-8", "replace")
    return data if len(data) <= LARGEST else data[:LARGEST].decode("utf-8", "ignore").encode()
