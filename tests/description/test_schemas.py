"""Schemas of messages, with the names of the wire, and walking through them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from django.utils.translation import gettext_lazy
from jsonschema import Draft202012Validator
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    PostgresDsn,
    Secret,
    SecretBytes,
    SecretStr,
    computed_field,
    create_model,
    field_serializer,
)

from chanx.description.messages import Direction, MessageKey, describe_messages
from chanx.description.schemas import (
    change_schema,
    get_definition_name,
    make_schema,
    make_schemas,
)
from chanx.engine.aliases import KeyNames
from chanx.engine.codec import Encoder
from chanx.messages.base import BaseGroupMessage, BaseMessage

PLAIN = KeyNames("action", camelize=False)
CAMEL = KeyNames("type", camelize=True)


class Payload(BaseModel):
    """What is carried."""

    some_name: int
    own_alias: Annotated[str, Field(alias="Own")] = "x"
    by_key: dict[str, int] = {}
    label: Annotated[str, Field(title="A label")] = ""


class Note(BaseMessage):
    """A note."""

    action: Literal["note"] = "note"
    payload: Payload


class GroupNote(BaseGroupMessage):
    """A note to all."""

    action: Literal["group_note"] = "group_note"
    payload: Payload


def make(message: Any, names: KeyNames = PLAIN, *, out: bool = False) -> Any:
    """Return the schema of one message, and all definitions."""
    mode: Any = "serialization" if out else "validation"
    found = make_schemas([(message, mode)], names)
    assert found.problems == {}
    return found.definitions[found.names[message, mode]], found.definitions


def test_fields_have_the_names_of_the_wire() -> None:
    schema, definitions = make(Note, CAMEL)
    assert list(schema["properties"]) == ["type", "payload"]
    assert list(definitions["Payload"]["properties"]) == ["someName", "Own", "byKey", "label"]
    schema, definitions = make(GroupNote, CAMEL, out=True)
    assert list(schema["properties"]) == ["type", "payload", "isMine", "isCurrent"]
    assert next(iter(definitions["Payload"]["properties"])) == "someName"


def test_titles_that_only_repeat_a_name_are_left_out() -> None:
    _, definitions = make(Note)
    titles = {
        name: each.get("title") for name, each in definitions["Payload"]["properties"].items()
    }
    assert titles == {"some_name": None, "Own": None, "by_key": None, "label": "A label"}


def test_action_is_required_although_it_has_a_default() -> None:
    schema, definitions = make(Note)
    assert schema["required"] == ["action", "payload"]
    assert definitions["Payload"]["required"] == ["some_name"]


def test_what_goes_out_always_has_all_its_keys() -> None:
    class Sent(BaseMessage):
        action: Literal["sent"] = "sent"
        payload: None = None
        secret: Annotated[str, Field(exclude=True)] = ""

        @computed_field  # type: ignore[prop-decorator]  # as Pydantic's documentation has it
        @property
        def length(self) -> int:
            return 1

    schema, _ = make(Sent, out=True)
    assert schema["required"] == ["action", "payload", "length"]
    schema, _ = make(GroupNote, out=True)
    assert schema["required"] == ["action", "payload", "is_mine", "is_current"]


@pytest.mark.parametrize("names", [PLAIN, CAMEL])
@pytest.mark.parametrize(
    "message",
    [
        Note(
            payload=Payload.model_validate({"some_name": 1, "Own": "a", "by_key": {"snake_key": 1}})
        ),
        GroupNote(payload=Payload(some_name=1)),
    ],
)
def test_what_is_sent_is_as_the_schema_says(names: KeyNames, message: BaseMessage) -> None:
    schema, definitions = make(type(message), names, out=True)
    Draft202012Validator({**schema, "$defs": definitions}).validate(
        Encoder(names).to_content(message)
    )


def test_both_ways_of_one_message_are_told_apart_where_they_differ() -> None:
    found = make_schemas([(Note, "validation"), (Note, "serialization")], PLAIN)
    assert found.names == {
        (Note, "validation"): "Note-Input",
        (Note, "serialization"): "Note-Output",
    }


def make_namesake(kind: Any) -> type[BaseMessage]:
    make: Any = create_model  # whose types do not allow what is known at run time only
    made: type[BaseMessage] = make(
        "Namesake", __base__=BaseMessage, action=(Literal["same"], "same"), payload=(kind, ...)
    )
    return made


def test_models_of_the_same_name_have_schemas_of_their_own() -> None:
    one, two = make_namesake(int), make_namesake(str)
    found = make_schemas([(one, "validation"), (two, "validation")], PLAIN)
    first, second = found.names.values()
    assert first != second
    kinds = {found.definitions[name]["properties"]["payload"]["type"] for name in (first, second)}
    assert kinds == {"integer", "string"}


class Opaque:
    """Of no kind that Pydantic knows."""


class Odd(BaseMessage):
    """Has a part that cannot be described."""

    model_config = {"arbitrary_types_allowed": True}

    action: Literal["odd"] = "odd"
    payload: Opaque
    handler: Callable[[], int] | None = None


def test_part_that_cannot_be_described_says_so() -> None:
    schema, _ = make(Odd)
    assert schema["properties"]["payload"]["description"] == (
        "Pydantic cannot describe this in JSON Schema (IsInstance)."
    )
    assert "0x" not in json.dumps(schema)


class Broken(BaseMessage):
    """Fails while it is described."""

    action: Literal["broken"] = "broken"
    payload: Any = None

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> Any:
        """Raise."""
        raise LookupError("no schema today")


def test_message_that_cannot_be_described_is_a_problem_and_the_others_are_there() -> None:
    found = make_schemas([(Note, "validation"), (Broken, "validation")], PLAIN)
    assert set(found.names) == {(Note, "validation")}
    assert found.problems == {(Broken, "validation"): "LookupError: no schema today"}


def test_hook_of_a_model_may_make_another_schema_of_it() -> None:
    class Replaced(BaseMessage):
        action: Literal["replaced"] = "replaced"
        payload: Any = None

        @classmethod
        def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> Any:
            return {"type": "object", "title": "Other", "examples": [Decimal("1.5")]}

    schema, _ = make(Replaced)
    assert schema == {"type": "object", "title": "Other", "examples": ["1.5"]}


def test_default_that_is_a_set_has_an_order() -> None:
    class Tagged(BaseMessage):
        action: Literal["tagged"] = "tagged"
        payload: set[str] = {"d", "b", "a", "c", "e"}

    schema, _ = make(Tagged)
    assert schema["properties"]["payload"]["default"] == ["a", "b", "c", "d", "e"]


class Shelf(BaseModel):
    book_names: set[str] = set()
    width: float = 1.0


class Shelved(BaseMessage):
    action: Literal["shelved"] = "shelved"
    payload: Shelf = Shelf(book_names={"d", "b", "a", "c", "e"})
    others: dict[str, list[Shelf]] = {"near": [Shelf(book_names={"z", "y", "x"})]}


@pytest.mark.parametrize("camelize", [False, True])
def test_defaults_have_the_names_of_the_wire_and_an_order(camelize: bool) -> None:
    key_names = KeyNames("action", camelize=camelize)
    made = make_schema(Shelved, key_names)["properties"]
    key = "bookNames" if camelize else "book_names"
    assert made["payload"]["default"] == {key: ["a", "b", "c", "d", "e"], "width": 1.0}
    assert made["others"]["default"] == {"near": [{key: ["x", "y", "z"], "width": 1.0}]}


@pytest.mark.parametrize("camelize", [False, True])
@pytest.mark.parametrize("way", ["in", "out"])
def test_examples_do_not_vary_with_the_order_of_sets(
    camelize: bool, way: Literal["in", "out"]
) -> None:
    key: MessageKey = (Shelved, way)
    _, described = describe_messages([key], KeyNames("action", camelize=camelize))
    content = described[key].examples[0].content
    name = "bookNames" if camelize else "book_names"
    assert content["payload"][name] == ["a", "b", "c", "d", "e"]
    assert content["others"]["near"][0][name] == ["x", "y", "z"]


def add_object(schema: dict[str, Any]) -> None:
    schema["x-place"] = object()


def test_what_json_cannot_hold_is_left_out() -> None:
    class Open(BaseMessage):
        action: Literal["open"] = "open"
        payload: Annotated[float, Field(le=float("inf"), examples=[float("nan")])] = float("inf")
        limits: dict[str, float] = {"low": 0.0, "high": float("inf")}
        model_config = ConfigDict(json_schema_extra=add_object)

    schema, _ = make(Open)
    properties = schema["properties"]
    assert properties["payload"] == {"type": "number"}
    assert "default" not in properties["limits"]
    assert schema["x-place"] == "object"  # and not where it is in memory
    json.dumps(schema, allow_nan=False)


def test_secrets_in_defaults_are_not_told() -> None:
    class Secretive(BaseMessage):
        action: Literal["secretive"] = "secretive"
        payload: SecretStr = SecretStr("hunter2")
        store: PostgresDsn = PostgresDsn("postgresql://ann:hunter2@db.example/app")
        cache: list[str] = ["redis://:hunter2@cache.example/0", "https://ann@a.example:80/b@c"]

    key: MessageKey = (Secretive, "out")
    schema, _ = make(Secretive)
    _, described = describe_messages([key], KeyNames("action", camelize=False))
    assert "hunter2" not in repr((schema, described))
    properties = schema["properties"]
    assert properties["store"]["default"] == "postgresql://ann:**********@db.example/app"
    assert properties["cache"]["default"][1] == "https://ann@a.example:80/b@c"


def test_serializers_decide_what_goes_out() -> None:
    class Stamped(BaseMessage):
        action: Literal["stamped"] = "stamped"
        payload: int = 0

        @field_serializer("payload")
        def write(self, value: int) -> str:
            return str(value)

    incoming, _ = make(Stamped)
    outgoing, _ = make(Stamped, out=True)
    assert incoming["properties"]["payload"]["type"] == "integer"
    assert outgoing["properties"]["payload"]["type"] == "string"


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ({"$ref": "#/$defs/A"}, "A"),
        ({"$ref": "#/$defs/A", "description": "x"}, None),
        ({"type": "object"}, None),
    ],
)
def test_name_of_a_definition(schema: Any, name: str | None) -> None:
    assert get_definition_name(schema) == name


def test_change_reaches_each_schema_and_no_data() -> None:
    schema = {
        "properties": {"type": {"type": "integer"}, "items": True},
        "allOf": [{"type": "string"}],
        "additionalProperties": {"type": "null"},
        "default": {"type": "data"},
        "examples": [{"type": "data"}],
        "const": {"type": "data"},
    }
    seen: list[Any] = []

    def note(part: dict[str, Any]) -> dict[str, Any]:
        seen.append(part.get("type"))
        return {**part, "seen": True}

    changed = change_schema(schema, note)
    assert seen == ["integer", "string", "null", None]
    assert changed["properties"]["type"]["seen"]
    assert changed["default"] == {"type": "data"}
    assert "seen" not in schema


# --- what the user's code adds --------------------------------------------------------------------


ODD: Any = {
    "examples": [{"names": {"b", "a"}}],
    "x-bytes": b"\xff",
    "x-model": Payload(some_name=1),
    "x-half": "\ud800",
    3: object,
}


class Extra(BaseModel):
    """Has examples that no JSON has."""

    model_config = ConfigDict(json_schema_extra=ODD)

    names: set[str]


class Carrier(BaseMessage):
    """Holds it."""

    action: Literal["carrier"] = "carrier"
    payload: Extra


def test_additions_of_any_type_are_made_plain() -> None:
    found = make_schemas([(Carrier, "validation"), (Carrier, "serialization")], PLAIN)
    assert found.problems == {}
    schema = found.definitions["Extra"]
    assert schema["examples"] == [{"names": ["a", "b"]}]
    assert schema["x-bytes"] == schema["x-half"] == "\ufffd"
    assert schema["x-model"]["some_name"] == 1
    assert schema["3"] == "type"
    json.dumps(found.definitions, ensure_ascii=False).encode()


def test_message_without_a_schema_takes_no_other_down() -> None:
    keys: list[Any] = [(make_namesake(kind), "validation") for kind in (int, str, float)]
    keys.insert(1, (Broken, "validation"))
    found = make_schemas(keys, PLAIN)
    assert list(found.problems) == [(Broken, "validation")]
    assert len(set(found.names.values())) == 3


def test_messages_that_do_not_go_together_are_named() -> None:
    class Jealous(BaseMessage):
        action: Literal["jealous"] = "jealous"
        payload: Any = None

        @classmethod
        def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> Any:
            if any("Note" in name for name in handler.generate_json_schema.definitions):
                raise LookupError(f"not alone, {object()}")
            return handler(core)

    found = make_schemas([(Note, "validation"), (Jealous, "validation")], PLAIN)
    assert set(found.names) == {(Note, "validation")}
    assert found.problems == {
        (Jealous, "validation"): (
            "beside those of other messages: LookupError: not alone, <object object>"
        )
    }


class Telling(BaseModel):
    """Tells its secrets to those who ask."""

    token: SecretStr = SecretStr("hunter2")
    made: SecretBytes = Field(default_factory=lambda: SecretBytes(b"hunter2"))
    others: dict[str, tuple[Secret[str], ...]] = {"a": (Secret("hunter2"),)}

    @field_serializer("token", "made", when_used="json")
    def tell(self, value: Any) -> Any:
        """Write the secret."""
        return value.get_secret_value()


@dataclass(frozen=True)
class Kept:
    """Holds a secret, too."""

    token: SecretStr


def test_no_serializer_tells_a_secret() -> None:
    telling: Any = {"x-telling": [Telling()]}

    class Told(BaseMessage):
        model_config = ConfigDict(json_schema_extra=telling)

        action: Literal["told"] = "told"
        payload: Telling = Telling(made=SecretBytes(b"hunter2"))
        other: Telling = Telling()
        none: Telling = Field(default_factory=Telling)
        kept: Kept = Kept(SecretStr("hunter2"))
        own: Annotated[SecretStr, PlainSerializer(lambda value: value.get_secret_value())] = (
            SecretStr("hunter2")
        )
        empty: SecretStr = SecretStr("")

    ways: tuple[Direction, ...] = ("in", "out")
    for way in ways:
        definitions, described = describe_messages([(Told, way)], PLAIN)
        assert described[Told, way].problems == ()
        assert "hunter2" not in repr((definitions, described))
        properties = definitions["Told"]["properties"]
        assert properties["payload"]["default"]["token"] == "**********"
        assert properties["kept"]["default"] == {"token": "**********"}
        assert properties["empty"]["default"] == ""
        assert "default" not in properties["other"]


# --- unions that are told apart by a tag ----------------------------------------------------------


class Mail(BaseModel):
    """One way."""

    type: Literal["mail"] = "mail"
    address: str


class Call(BaseModel):
    """Another."""

    type: Literal["call"] = "call"
    number: str
    next: Mail | None = None


@pytest.mark.parametrize("names", [PLAIN, KeyNames("action", camelize=True)])
def test_tag_of_a_nested_union_is_required(names: KeyNames) -> None:
    class Contact(BaseMessage):
        action: Literal["contact"] = "contact"
        payload: Annotated[Mail | Call, Field(discriminator="type")]
        alone: Mail | None = None

    schema, definitions = make(Contact, names)
    whole = Draft202012Validator({**schema, "$defs": definitions})
    for payload, is_right in (
        ({"type": "mail", "address": "a"}, True),
        ({"address": "a"}, False),
        ({"type": "call", "number": "1", "next": {"address": "a"}}, True),
        ({"type": "call"}, False),
    ):
        content = {"action": "contact", "payload": payload, "alone": {"address": "a"}}
        assert whole.is_valid(content) is is_right
        if is_right:
            Contact.model_validate(content)
    branches = schema["properties"]["payload"]["oneOf"]
    assert branches[0] == {"$ref": "#/$defs/Mail", "required": ["address", "type"]}
    assert definitions["Mail"]["required"] == ["address"]
    sent, _ = make(Contact, names, out=True)
    assert "required" not in sent["properties"]["payload"]["oneOf"][0]


def test_tags_of_unions_within_unions_are_required() -> None:
    class Fast(BaseModel):
        kind: Literal["fast"] = "fast"
        type: Literal["call"] = "call"

    class Slow(BaseModel):
        kind: Literal["slow"] = "slow"
        type: Literal["call"] = "call"

    class Contact(BaseMessage):
        action: Literal["contact"] = "contact"
        payload: Annotated[
            Mail | Annotated[Fast | Slow, Field(discriminator="kind")], Field(discriminator="type")
        ]

    schema, definitions = make(Contact)
    whole = Draft202012Validator({**schema, "$defs": definitions})
    assert whole.is_valid({"action": "contact", "payload": {"kind": "fast", "type": "call"}})
    assert not whole.is_valid({"action": "contact", "payload": {"kind": "fast"}})
    assert not whole.is_valid({"action": "contact", "payload": {"type": "call"}})


def test_translated_texts_are_texts() -> None:
    said: Any = gettext_lazy("What is said")  # as Django's own fields take them
    note: Any = gettext_lazy("A note")

    class TranslatedMessage(BaseMessage):
        action: Literal["translated"] = "translated"
        payload: Annotated[str, Field(description=said, json_schema_extra={"x-note": note})]

    schemas = make_schemas([(TranslatedMessage, "validation")], PLAIN)
    field = schemas.definitions["TranslatedMessage"]["properties"]["payload"]
    assert (field["description"], field["x-note"]) == ("What is said", "A note")
