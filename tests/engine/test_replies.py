"""What clients are told about bad input stays small, and holds no values that came in."""

import contextlib
import json
from typing import Annotated, Any, Literal, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model, field_validator
from pydantic_core import PydanticCustomError

from chanx.engine.codec import get_decoder, get_encoder
from chanx.exceptions import MessageInvalid
from chanx.messages.base import BaseIncomingMessage, BaseMessage
from chanx.messages.outgoing import ErrorMessage

Errors = list[dict[str, Any]]


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number_of_things: int
    more: "dict[str, Inner]" = {}
    either: "list[Inner | int | dict[str, int]]" = []


class Forbids(BaseMessage):
    model_config = ConfigDict(extra="forbid")

    action: Literal["forbids"] = "forbids"
    payload: Inner


class Raises(BaseMessage):
    """Its validator raises what comes in, as a text of its own."""

    action: Literal["raises"] = "raises"
    payload: list[Annotated[str, Field(max_length=10**6)]]
    other_texts: list[int] = []

    @field_validator("payload")
    @classmethod
    def refuse(cls, value: list[str]) -> list[str]:
        raise ValueError("".join(value) * 10)


class Custom(BaseMessage):
    action: Literal["custom"] = "custom"
    payload: list[str]

    @field_validator("payload")
    @classmethod
    def refuse(cls, value: list[str]) -> list[str]:
        kind, text = (*value, "", "")[:2]
        raise PydanticCustomError(cast("Any", kind * 100), cast("Any", "{text}"), {"text": text})


class Incoming(BaseIncomingMessage):
    message: Forbids | Raises | Custom


KEYS = ["action", "type", "a" * 100, "\u20ac" * 100, '"' * 200]


def get_errors(
    text: str,
    schema: type[BaseIncomingMessage] = Incoming,
    key: str = "action",
    camelize: bool = False,
) -> Errors:
    """The errors of a text that must be refused, after a look at the frame."""
    with pytest.raises(MessageInvalid) as caught:
        get_decoder(schema, key, camelize).decode(text)
    errors = caught.value.errors
    frame = get_encoder(key, camelize).encode(ErrorMessage(payload=errors))
    assert len(frame.encode()) <= 1024
    assert all(error.keys() == {"type", "loc", "msg"} for error in errors)
    assert all(error["loc"][0] == "message" for error in errors)
    return errors


def check_everywhere(content: dict[str, Any], schema: type[BaseIncomingMessage] = Incoming) -> None:
    for key in KEYS:
        for camelize in (False, True):
            named = {key if name == "action" else name: item for name, item in content.items()}
            assert get_errors(json.dumps(named), schema, key, camelize)


UNITS = ["k", "\u20ac", "\U0001f600", "\x01", '"', "\\", "\x7f"]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("length", [1, 60, 64, 65, 1000])
@pytest.mark.parametrize("count", [1, 2, 3, 20, 490, 1000])
def test_unknown_keys(unit: str, length: int, count: int) -> None:
    extra = {f"{unit * length}{number}": 1 for number in range(count)}
    check_everywhere({"action": "forbids", "payload": {"number_of_things": 1}, **extra})


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("length", [1, 30, 64, 1000])
@pytest.mark.parametrize("depth", [1, 5, 11, 12, 13, 30])
def test_long_paths(unit: str, length: int, depth: int) -> None:
    value: Any = {"number_of_things": "no"}
    for _ in range(depth):
        value = {"number_of_things": 1, "more": {unit * length: value}}
    check_everywhere({"action": "forbids", "payload": value})


def test_path_shows_where_it_was_cut() -> None:
    value: Any = {"number_of_things": "no"}
    for number in range(30):
        value = {"number_of_things": 1, "more": {f"k{number}": value}}
    (error,) = get_errors(json.dumps({"action": "forbids", "payload": value}))
    assert error["loc"][:5] == ["message", "forbids", "payload", "more", "k29"]
    assert error["loc"][-1] == "..."


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("length", [1, 100, 200, 201, 10_000])
def test_texts_and_types_of_validators(unit: str, length: int) -> None:
    check_everywhere({"action": "raises", "payload": [unit * length]})
    for kind in (unit, ""):
        check_everywhere({"action": "custom", "payload": [kind, unit * length]})


@pytest.mark.parametrize("text", ["\ud800", "a" * 190 + "\udfff" * 20])
def test_text_of_a_validator_with_lone_surrogates(text: str) -> None:
    class Odd(BaseMessage):
        action: Literal["odd"] = "odd"
        payload: Any = None

        @field_validator("payload")
        @classmethod
        def refuse(cls, value: Any) -> Any:
            raise ValueError(text)

    class Odds(BaseIncomingMessage):
        message: Odd

    # Pydantic may be unable to tell the text: the server's mistake, as other exceptions are.
    with contextlib.suppress(UnicodeError):
        get_errors('{"action":"odd","payload":1}', Odds)


@pytest.mark.parametrize("name", ["short", "a" * 60, "\u20ac" * 60, "\x01" * 60])
def test_known_actions_of_a_large_union(name: str) -> None:
    members: list[Any] = []
    for number in range(50):
        action: Any = Literal[f"{name}{number}"]
        fields: Any = {"action": (action, ...), "payload": (Any, None)}
        members.append(create_model(f"Member{number}", __base__=BaseMessage, **fields))
    union: Any = members[0]
    for member in members[1:]:
        union = union | member
    schema = create_model("Large", __base__=BaseIncomingMessage, message=(union, ...))
    (error,) = get_errors('{"action":"s3cr3t"}', schema)
    assert error["msg"].startswith("Unknown 'action', known: ")
    assert "s3cr3t" not in error["msg"]
    check_everywhere({"action": "s3cr3t"}, schema)


def test_what_does_not_fit_is_counted() -> None:
    errors = get_errors(
        json.dumps(
            {"action": "forbids", "payload": {"number_of_things": 1}}
            | {f"key{number}": 1 for number in range(100)}
        )
    )
    assert errors[-1]["type"] == "too_many_errors"
    assert errors[-1]["loc"] == ["message"]
    assert errors[-1]["msg"] == f"{100 - len(errors) + 1} more errors"
    assert [error["loc"][-1] for error in errors[:-1]] == [
        f"key{n}" for n in range(len(errors) - 1)
    ]
    assert len(errors) > 5


def test_all_errors_are_told_where_they_fit() -> None:
    """The last one needs no room for the one that would say how many are missing."""
    for length in range(20, 64):
        keys = [f"{'k' * length}{number}" for number in range(20)]
        for count in range(1, 20):
            content = dict.fromkeys(keys[:count], 1)
            errors = get_errors(
                json.dumps({"action": "forbids", "payload": {"number_of_things": 1}, **content})
            )
            told = [error["loc"][-1] for error in errors if error["type"] == "extra_forbidden"]
            assert told == keys[: len(told)]
            missing = count - len(told)
            if missing:
                assert errors[-1]["msg"] == f"{missing} more error{'s' if missing > 1 else ''}"
            assert len(errors) == len(told) + bool(missing)


def test_far_too_many_errors_are_only_counted() -> None:
    content = {"action": "forbids", "payload": {"number_of_things": 1, "either": [[]] * 20_000}}
    (error,) = get_errors(json.dumps(content))
    assert error["type"] == "too_many_errors"


# --- For all input, and for all schemas -----------------------------------------------------------

words = st.text(max_size=5) | st.sampled_from([unit * 100 for unit in UNITS])
clean_words = words.filter(
    lambda word: word.isascii() or not any("\ud800" <= c <= "\udfff" for c in word)
)
values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | clean_words,
    lambda items: (
        st.lists(items, max_size=8)
        | st.dictionaries(clean_words, items, max_size=8)
        | st.fixed_dictionaries(
            {"number_of_things": items},
            optional={
                "more": st.dictionaries(clean_words, items, max_size=8),
                "either": st.lists(items, max_size=8),
            },
        )
    ),
    max_leaves=60,
)


@given(
    action=st.sampled_from(["forbids", "raises", "custom", "x"]),
    payload=values,
    extra=st.dictionaries(clean_words, values, max_size=5),
    key=st.sampled_from(KEYS),
    camelize=st.booleans(),
)
def test_reply_is_small_whatever_comes_in(
    action: str, payload: Any, extra: dict[str, Any], key: str, camelize: bool
) -> None:
    text = json.dumps({**extra, key: action, "payload": payload})
    try:
        get_decoder(Incoming, key, camelize).decode(text)
    except MessageInvalid:
        get_errors(text, key=key, camelize=camelize)


types = st.recursive(
    st.sampled_from([int, bool, float, Literal["a" * 100, "b"], Inner]),
    lambda inner: (
        inner.map(lambda item: list[item])  # type: ignore[valid-type] # made at run time
        | inner.map(lambda item: dict[str, item])  # type: ignore[valid-type] # made at run time
        | st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1])
    ),
    max_leaves=4,
)


@given(field=types, name=st.from_regex(r"[a-z]{1,80}", fullmatch=True), payload=values)
def test_reply_is_small_whatever_the_schema(field: Any, name: str, payload: Any) -> None:
    fields: Any = {name: (int, ...), "action": (Literal["a"], "a"), "payload": (field, ...)}
    message = create_model("Message", __base__=BaseMessage, **fields)
    schema = create_model("Schema", __base__=BaseIncomingMessage, message=(message, ...))
    text = json.dumps({"action": "a", "payload": payload})
    with pytest.raises(MessageInvalid) as caught:
        # Not cached: a schema for each example would stay for good.
        get_decoder.__wrapped__(schema, "action", False).decode(text)
    frame = get_encoder("action", False).encode(ErrorMessage(payload=caught.value.errors))
    assert len(frame.encode()) <= 1024


def test_values_are_not_told_back() -> None:
    secret = "s3cr3tly"
    for payload in (secret, [secret], {"number_of_things": secret}, {"either": [secret]}):
        text = json.dumps({"action": "forbids", "payload": payload})
        assert secret not in json.dumps(get_errors(text))
    assert TypeAdapter(Any).dump_json(get_errors(f'"{secret}"'))
