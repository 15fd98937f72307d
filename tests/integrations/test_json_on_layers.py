"""What comes in can go out on every layer: as JSON, and as the MessagePack of channels_redis."""

import json
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanx.engine.codec import encode_json, get_decoder
from chanx.exceptions import MessageInvalid
from chanx.messages.base import BaseIncomingMessage, BaseMessage

msgpack = pytest.importorskip("msgpack", reason="msgpack comes with channels_redis")


class Anything(BaseMessage):
    """Takes any JSON."""

    action: Literal["anything"] = "anything"
    payload: Any = None


class Incoming(BaseIncomingMessage):
    """What is read here."""

    message: Anything


numbers = st.from_regex(
    r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,4})?", fullmatch=True
)
strings = (st.text() | st.text(st.characters(categories=["Cs"]))).flatmap(
    lambda text: st.sampled_from([json.dumps(text), json.dumps(text, ensure_ascii=False)])
)
constants = st.sampled_from(["null", "true", "false", "NaN", "-Infinity"])
texts = st.recursive(
    numbers | strings | constants,
    lambda items: (
        st.lists(items, max_size=4).map(lambda parts: f"[{','.join(parts)}]")
        | st.lists(st.tuples(strings, items), max_size=4).map(
            lambda pairs: f"{{{','.join(f'{key}:{value}' for key, value in pairs)}}}"
        )
    ),
    max_leaves=10,
)


def check(text: str, depth: int | None = 64) -> None:
    try:
        message = get_decoder(Incoming, "action", False, depth).decode(
            f'{{"action":"anything","payload":{text}}}'
        )
    except MessageInvalid:
        return
    content = {"payload": message.payload}
    written = encode_json(content)
    assert json.loads(written, parse_constant=pytest.fail) == content
    # As channels_redis does.
    packed = msgpack.packb(content)
    assert msgpack.unpackb(packed, raw=False, strict_map_key=False) == content


@given(text=texts)
def test_what_was_read_can_be_sent_on_every_layer(text: str) -> None:
    check(text)


@pytest.mark.parametrize("number", [-(2**63), -(2**63) - 1, 2**63, 2**64 - 1, 2**64, 10**400])
def test_numbers_at_the_bounds(number: int) -> None:
    check(str(number))
    check(f"{number}.0")


@pytest.mark.parametrize("depth", [64, 200, None])
@pytest.mark.parametrize("levels", [63, 64, 199, 200])
def test_deep_values(depth: int | None, levels: int) -> None:
    check("[" * levels + "]" * levels, depth)
    check('{"a":' * levels + "1" + "}" * levels, depth)
