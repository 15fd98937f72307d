"""The event that carries a message to a group."""

import dataclasses
import json
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanx.engine.events import EVENT_TYPE, Delivery, GroupEvent, Kind
from chanx.exceptions import ChanxError, EventMalformed

# What UTF-8 has: a lone surrogate has no place in a frame.
texts = st.text(st.characters(exclude_categories=["Cs"]))
names = texts.filter(bool)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | texts,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(texts, values, max_size=4),
    max_leaves=20,
)
objects = st.dictionaries(texts, json_values, max_size=5)
optional = st.none() | texts


@st.composite
def group_events(draw: st.DrawFn) -> GroupEvent:
    kind: Kind = draw(st.sampled_from(["message", "json"]))
    content = draw(objects if kind == "message" else json_values)
    return GroupEvent(
        group=draw(names),
        text=json.dumps(content, ensure_ascii=draw(st.booleans()), separators=(",", ":")),
        kind=kind,
        exclude_current=draw(st.booleans()),
        sender=draw(optional),
        user=draw(optional),
        id=draw(optional),
        action=draw(optional),
        flag_names=(draw(names), draw(names)),
    )


@given(event=group_events())
def test_event_is_the_same_after_the_way_through_a_broker(event: GroupEvent) -> None:
    carried = json.loads(json.dumps(event.to_dict()))
    assert GroupEvent.from_dict(carried) == event
    # Where it came by counts more than what it says.
    elsewhere = GroupEvent.from_dict(carried, "another name")
    assert elsewhere == dataclasses.replace(event, group="another name")


@given(event=group_events())
def test_dict_of_an_event_is_made_of_plain_types_and_has_the_type(event: GroupEvent) -> None:
    as_dict = event.to_dict()
    assert as_dict["type"] == EVENT_TYPE == "send_group_member"
    assert {type(value) for value in as_dict.values()} <= {str, bool, list, type(None)}


@given(
    content=objects.filter(lambda content: not {"is_mine", "is_current"} & content.keys()),
    is_mine=st.booleans(),
    is_current=st.booleans(),
    is_ascii=st.booleans(),
)
def test_receiver_gets_the_message_and_its_flags(
    content: dict[str, Any], is_mine: bool, is_current: bool, is_ascii: bool
) -> None:
    text = json.dumps(content, ensure_ascii=is_ascii)
    event = GroupEvent("group", text, action="hello")
    delivery = event.render(is_mine=is_mine, is_current=is_current)
    assert json.loads(delivery.text) == {**content, "is_mine": is_mine, "is_current": is_current}
    assert delivery.size == len(delivery.text.encode())
    assert delivery.action == "hello"


def test_flags_have_the_names_of_the_event() -> None:
    event = GroupEvent("group", '{"a":1}', flag_names=("isMine", "isCurrent"))
    delivery = event.render(is_mine=True, is_current=False)
    assert delivery == Delivery('{"a":1,"isMine":true,"isCurrent":false}', 39)


@pytest.mark.parametrize("text", ["{}", "{ }", ' {"a":1}', '{"a":{}}', '{"a":1 }'])
def test_flags_are_added_to_any_object(text: str) -> None:
    """Also to one that somebody else encoded, with the blanks that JSON allows."""
    delivery = GroupEvent("group", text).render(is_mine=False, is_current=True)
    assert json.loads(delivery.text) == {**json.loads(text), "is_mine": False, "is_current": True}


@given(content=json_values, is_mine=st.booleans(), is_current=st.booleans())
def test_json_goes_out_as_it_is(content: Any, is_mine: bool, is_current: bool) -> None:
    text = json.dumps(content)
    event = GroupEvent("group", text, kind="json")
    assert event.render(is_mine=is_mine, is_current=is_current).text == text


@given(content=json_values)
def test_content_may_stand_for_the_text(content: Any) -> None:
    event = GroupEvent.from_dict({"type": EVENT_TYPE, "content": content}, "group")
    assert event.kind == "json"
    assert event.group == "group"
    assert json.loads(event.text) == content


def test_event_of_somebody_else_needs_no_more_than_its_content() -> None:
    event = GroupEvent.from_dict({"type": EVENT_TYPE, "kind": "message", "content": {"a": 1}}, "g")
    assert event == GroupEvent(group="g", text='{"a":1}')


MALFORMED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "text is a number": {"text": 5},
    "text is bytes": {"text": b"{}"},
    "text is an object": {"text": {}},
    "kind unknown": {"text": "{}", "kind": "other"},
    "kind is a number": {"text": "{}", "kind": 1},
    "kind is None": {"text": "{}", "kind": None},
    "kind is a list": {"text": "{}", "kind": ["json"]},
    "message is an array": {"text": "[]", "kind": "message"},
    "message is a string": {"text": '"a"', "kind": "message"},
    "message is nothing": {"text": "", "kind": "message"},
    "message's content is an array": {"content": [1], "kind": "message"},
    "message's content is None": {"content": None, "kind": "message"},
    "sender is a number": {"text": "{}", "sender": 1},
    "user is a number": {"text": "{}", "user": 1},
    "id is a list": {"text": "{}", "id": []},
    "action is a number": {"text": "{}", "action": 1},
    "one flag": {"text": "{}", "flag_names": ["a"]},
    "three flags": {"text": "{}", "flag_names": ["a", "b", "c"]},
    "flags are numbers": {"text": "{}", "flag_names": [1, 2]},
    "flags are a string": {"text": "{}", "flag_names": "ab"},
    "flags are None": {"text": "{}", "flag_names": None},
    "content has no form in JSON": {"content": object()},
    "content is a number that JSON does not have": {"content": {"a": float("nan")}},
    "content has a lone surrogate": {"content": "\ud800"},
}


@pytest.mark.parametrize("event", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_event_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(EventMalformed, match="send_group_member"):
        GroupEvent.from_dict({"type": EVENT_TYPE, **event}, "group")


scalars = st.none() | st.booleans() | st.integers() | texts | st.binary() | st.lists(texts)


@given(
    event=st.dictionaries(
        st.sampled_from([*GroupEvent("g", "{}").to_dict(), "content"]),
        scalars,
    )
)
def test_no_shape_raises_anything_else(event: dict[str, Any]) -> None:
    try:
        read = GroupEvent.from_dict(event, "group")
    except EventMalformed:
        return
    assert isinstance(read.text, str)
    assert isinstance(read.group, str)
    assert read.kind in ("message", "json")


def test_exception_is_one_of_chanx_and_a_value_error() -> None:
    assert issubclass(EventMalformed, ChanxError)
    assert issubclass(EventMalformed, ValueError)


def test_nobody_owns_what_an_anonymous_user_sent() -> None:
    anonymous, owned = GroupEvent("g", "{}"), GroupEvent("g", "{}", user="1")
    assert not anonymous.is_owned_by(None)
    assert not anonymous.is_owned_by("1")
    assert not owned.is_owned_by(None)
    assert not owned.is_owned_by("2")
    assert owned.is_owned_by("1")


def test_event_is_from_its_sender_only() -> None:
    assert GroupEvent("g", "{}", sender="a").is_from("a")
    assert not GroupEvent("g", "{}", sender="a").is_from("b")
    assert not GroupEvent("g", "{}").is_from("a")


def test_event_and_delivery_cannot_be_changed() -> None:
    """Members of a group get the same objects."""
    with pytest.raises(FrozenInstanceError):
        GroupEvent("g", "{}").text = "[]"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        Delivery("a", 1).text = "b"  # type: ignore[misc]
