"""Messages described: of any type, in both directions, with any names on the wire."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal

import pytest
from django.utils.translation import gettext_lazy
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field, create_model, field_serializer

from chanx.description.messages import Direction, describe_messages, split_text
from chanx.engine.aliases import KeyNames
from chanx.engine.codec import Decoder
from chanx.messages.base import BaseIncomingMessage, BaseMessage
from tests.description.strategies import types
from tests.python import run_python

# Its types do not allow what is known at run time only.
MAKE: Any = create_model

NAMES = [
    KeyNames("action", camelize=False),
    KeyNames("type", camelize=False),
    KeyNames("action", camelize=True),
]


def describe(message: Any, way: Direction, names: KeyNames) -> tuple[Any, Any]:
    """Return the description of a message, and its whole schema."""
    definitions, described = describe_messages([(message, way)], names)
    found = described[message, way]
    assert found.schema
    return found, {**definitions[found.schema], "$defs": definitions}


@settings(max_examples=100)
@given(
    st.dictionaries(st.sampled_from(["one", "two_words", "größe"]), types, min_size=1, max_size=2),
    st.sampled_from(NAMES),
)
def test_examples_of_any_message_validate(fields: dict[str, Any], names: KeyNames) -> None:
    payload = MAKE("Payload", **{name: (each, ...) for name, each in fields.items()})
    message = MAKE(
        "Any",
        __base__=BaseMessage,
        action=(Literal["any"], "any"),
        payload=(payload, ...),
        own_field=(int, 5),
    )
    container = MAKE("Container", __base__=BaseIncomingMessage, message=(message, ...))
    found, schema = describe(message, "in", names)
    assert found.problems == ()
    (example,) = found.examples
    Draft202012Validator(schema).validate(example.content)
    Decoder(container, names).decode(json.dumps(example.content))
    assert names.get_wire_name("own_field") in example.content

    found, schema = describe(message, "out", names)
    (example,) = found.examples
    Draft202012Validator(schema).validate(example.content)
    assert names.get_wire_name("action") in example.content


class Place(BaseModel):
    """Where."""

    street_name: str


class MoveMessage(BaseMessage):
    """Moves on.

    To somewhere
    else.
    """

    model_config = {
        "json_schema_extra": {
            "deprecated": True,
            "examples": [{"action": "move", "payload": {"street_name": "Main"}, "with_dog": True}],
        }
    }

    action: Literal["move"] = "move"
    payload: Place
    with_dog: bool = False
    only_out: Annotated[str, Field(serialization_alias="Out", validation_alias="In")] = "x"


@pytest.mark.parametrize("names", NAMES)
def test_examples_of_the_author_get_the_names_of_the_wire(names: KeyNames) -> None:
    found, schema = describe(MoveMessage, "in", names)
    assert found.examples[0].content == {
        names.action_key: "move",
        "payload": {names.get_wire_name("street_name"): "Main"},
        names.get_wire_name("with_dog"): True,
    }
    found, schema = describe(MoveMessage, "out", names)
    Draft202012Validator(schema).validate(found.examples[0].content)
    assert found.examples[0].content["Out"] == "x"


def test_texts_and_flags_of_a_message() -> None:
    found, _ = describe(MoveMessage, "in", NAMES[0])
    assert (found.name, found.path) == ("MoveMessage", f"{__name__}.MoveMessage")
    assert (found.summary, found.description) == ("Moves on.", "To somewhere\nelse.")
    assert found.actions == ("move",)
    assert found.is_deprecated


class Nested(BaseMessage):
    """Holds others of its kind."""

    model_config = {
        "json_schema_extra": {"examples": [{"action": "nested", "payload": [], "note": "mine"}]}
    }

    action: Literal["nested"] = "nested"
    payload: list["Nested"] = []
    note: str = ""


@pytest.mark.parametrize("way", ["in", "out"])
def test_message_that_holds_itself_has_the_example_of_its_author(way: Direction) -> None:
    found, _ = describe(Nested, way, NAMES[0])
    assert found.examples[0].content["note"] == "mine"


def test_example_that_cannot_be_written_is_a_problem() -> None:
    class Unwritable(BaseMessage):
        action: Literal["unwritable"] = "unwritable"
        payload: int = 0

        @field_serializer("payload")
        def write(self, value: int) -> int:
            raise LookupError

    found, _ = describe(Unwritable, "out", NAMES[0])
    assert found.examples == ()
    assert found.problems[0].startswith("Unwritable has no example (")


def test_message_without_a_docstring_has_not_that_of_its_base() -> None:
    class Silent(MoveMessage):
        action: Literal["silent"] = "silent"  # type: ignore[assignment]  # another than the base's

    found, _ = describe(Silent, "in", NAMES[0])
    assert (found.summary, found.description) == ("", "")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (None, ("", "")),
        ("  One\n  line. \n", ("One line.", "")),
        ("One.\n\n    Two.\n\n    Three.", ("One.", "Two.\n\nThree.")),
    ],
)
def test_first_paragraph_is_the_summary(text: str | None, parts: tuple[str, str]) -> None:
    assert split_text(text) == parts


def describe_varying(seed: str) -> str:
    """Return what another process says of messages that it may see in another order."""
    return run_python("-m", "tests.description.varying", seed=seed)


def test_nothing_of_a_process_is_in_what_it_describes() -> None:
    one, other = map(describe_varying, ("1", "2"))
    assert one == other
    assert '"problems": [\n' not in one


class Measured(BaseMessage):
    """Writes its time as a number."""

    action: Literal["measured"] = "measured"
    payload: datetime
    places: list[Place | int] = Field([], examples=[[{"street_name": "Main"}, 3]])
    by_name: Annotated[dict[str, Place], Field(examples=[{"my_key": {"street_name": "Main"}}])]

    @field_serializer("payload")
    def write(self, value: datetime) -> int:
        return 5


@pytest.mark.parametrize("names", NAMES)
def test_what_comes_in_is_not_written_by_serializers(names: KeyNames) -> None:
    found, schema = describe(Measured, "in", names)
    (example,) = found.examples
    Draft202012Validator(schema).validate(example.content)
    street = names.get_wire_name("street_name")
    assert example.content["places"] == [{street: "Main"}, 3]
    assert example.content[names.get_wire_name("by_name")] == {"my_key": {street: "Main"}}


def test_halves_of_characters_are_replaced_in_texts() -> None:
    assert split_text("\ud83d one.\n\n\ude00") == ("\ufffd one.", "\ufffd")
    lazy: Any = gettext_lazy("One.")
    assert split_text(lazy) == ("One.", "")
