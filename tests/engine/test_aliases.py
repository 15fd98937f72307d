"""Other key names on the wire: MESSAGE_ACTION_KEY and CAMELIZE."""

import dataclasses
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import ModuleType
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    SerializeAsAny,
    TypeAdapter,
    computed_field,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from typing_extensions import TypedDict

from chanx.engine.aliases import KeyNames
from chanx.engine.codec import get_decoder, get_encoder
from chanx.exceptions import MessageInvalid
from chanx.messages.base import BaseGroupMessage, BaseIncomingMessage, BaseMessage

T = TypeVar("T")
ImportSource = Callable[[str], ModuleType]


class Place(BaseModel):
    street_name: str
    house_number: int = 0


class Person(BaseModel):
    first_name: str
    home_place: Place
    other_places: list[Place] = []
    by_role: dict[str, Place] = {}
    maybe_place: Place | None = None


class Joined(BaseMessage):
    action: Literal["user_joined"] = "user_joined"
    payload: Person
    sent_at: datetime | None = None


class Plain(BaseMessage):
    action: Literal["plain"] = "plain"
    payload: Any = None


@dataclass
class Size:
    pixel_width: int
    action: str = "grow"


class Options(TypedDict, total=False):
    is_bold: bool
    font_size: Size
    action: str


class Corner(NamedTuple):
    x_axis: int
    y_axis: int


class Styled(BaseMessage):
    action: Literal["styled"] = "styled"
    payload: list[Options]
    full_size: Size
    some_corner: Corner = Corner(1, 2)
    either_one: Size | Place | None = None


class Comment(BaseModel):
    comment_text: str
    all_answers: "list[Comment]" = []


class Commented(BaseMessage):
    action: Literal["commented"] = "commented"
    payload: Comment


class Page(BaseModel, Generic[T]):
    all_items: list[T]


class Listed(BaseMessage):
    action: Literal["listed"] = "listed"
    payload: Page[Place]


class Places(RootModel[dict[str, Place]]):
    pass


class Mapped(BaseMessage):
    action: Literal["mapped"] = "mapped"
    payload: Places


class Own(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    my_name: str = Field(alias="the_name")
    in_only: str = Field("", validation_alias="in_key")
    out_only: str = Field("", serialization_alias="out_key")
    not_own: str = ""


class Aliased(BaseMessage):
    action: Literal["aliased"] = "aliased"
    payload: Own


class Note(BaseGroupMessage):
    action: Literal["note"] = "note"
    payload: Place


class Wrapped(BaseMessage):
    action: Literal["wrapped"] = "wrapped"
    payload: Plain | Joined


class Incoming(BaseIncomingMessage):
    message: Joined | Plain | Styled | Commented | Listed | Mapped | Aliased | Note | Wrapped


def encode(message: BaseModel, key: str = "action", *, camelize: bool = True) -> Any:
    return json.loads(get_encoder(key, camelize).encode(message))


def decode(
    content: Any,
    key: str = "action",
    *,
    camelize: bool = True,
    schema: type[BaseIncomingMessage] = Incoming,
) -> BaseMessage:
    return get_decoder(schema, key, camelize).decode(json.dumps(content))


PERSON = Person(
    first_name="Ann",
    home_place=Place(street_name="High"),
    other_places=[Place(street_name="Low", house_number=2)],
    by_role={"main_office": Place(street_name="Mid")},
)
PERSON_ON_THE_WIRE = {
    "firstName": "Ann",
    "homePlace": {"streetName": "High", "houseNumber": 0},
    "otherPlaces": [{"streetName": "Low", "houseNumber": 2}],
    "byRole": {"main_office": {"streetName": "Mid", "houseNumber": 0}},
    "maybePlace": None,
}

# --- The action key -------------------------------------------------------------------------------


def test_action_has_the_name_of_the_setting_in_both_directions() -> None:
    message = Plain(payload={"action": "stays"})
    content = {"type": "plain", "payload": {"action": "stays"}}
    assert encode(message, "type", camelize=False) == content
    assert decode(content, "type", camelize=False) == message


@pytest.mark.parametrize("key", ["action", "type"])
@pytest.mark.parametrize("camelize", [False, True])
def test_messages_inside_of_messages_are_told_apart_by_the_action_key(
    key: str, camelize: bool
) -> None:
    class Both(BaseMessage):
        action: Literal["both"] = "both"
        payload: list[Annotated[Plain | Joined, Field(discriminator="action")]]

    class Boths(BaseIncomingMessage):
        message: Both

    message = Both(payload=[Plain(payload=1), Joined(payload=PERSON)])
    content = encode(message, key, camelize=camelize)
    assert [item[key] for item in content["payload"]] == ["plain", "user_joined"]
    assert decode(content, key, camelize=camelize, schema=Boths) == message


class Leaf(BaseMessage):
    action: Literal["leaf"] = "leaf"
    payload: int


class Branch(BaseMessage):
    action: Literal["branch"] = "branch"
    payload: "list[Annotated[Branch | Leaf, Field(discriminator='action')]]"


class Trees(BaseIncomingMessage):
    message: Branch | Leaf


@pytest.mark.parametrize("key", ["action", "type", "message_type"])
@pytest.mark.parametrize("camelize", [False, True])
def test_messages_that_hold_each_other_are_told_apart_by_the_action_key(
    key: str, camelize: bool
) -> None:
    message = Branch(payload=[Leaf(payload=1), Branch(payload=[Leaf(payload=2)])])
    content = {
        key: "branch",
        "payload": [
            {key: "leaf", "payload": 1},
            {key: "branch", "payload": [{key: "leaf", "payload": 2}]},
        ],
    }
    assert encode(message, key, camelize=camelize) == content
    assert decode(content, key, camelize=camelize, schema=Trees) == message


@pytest.mark.parametrize("mode", ["before", "after", "wrap"])
def test_message_with_a_validator_of_its_own_has_the_action_key(
    import_source: ImportSource, mode: str
) -> None:
    arguments = {"before": "cls, data", "after": "self", "wrap": "cls, data, handler"}[mode]
    result = {"before": "data", "after": "self", "wrap": "handler(data)"}[mode]
    module = import_source(f"""
from typing import Literal
from pydantic import model_validator
from chanx.messages.base import BaseIncomingMessage, BaseMessage

class Checked(BaseMessage):
    action: Literal["checked"] = "checked"
    payload: None = None
    sent_at: int = 0

    @model_validator(mode="{mode}")
    {"@classmethod" if mode != "after" else ""}
    def check({arguments}):
        return {result}

class Incoming(BaseIncomingMessage):
    message: Checked
""")
    message = module.Checked(sent_at=1)
    content = {"type": "checked", "payload": None, "sentAt": 1}
    assert encode(message, "type") == content
    assert decode(content, "type", schema=module.Incoming) == message


def test_messages_with_validators_inside_of_messages_are_told_apart_by_the_action_key() -> None:
    class One(BaseMessage):
        action: Literal["one"] = "one"
        payload: int = 0

        @model_validator(mode="after")
        def check(self) -> "One":
            return self

    class Two(BaseMessage):
        action: Literal["two"] = "two"
        payload: int = 0

        @model_validator(mode="after")
        def check(self) -> "Two":
            return self

    class Both(BaseMessage):
        action: Literal["both"] = "both"
        payload: list[Annotated[One | Two, Field(discriminator="action")]]

    class Boths(BaseIncomingMessage):
        message: Both

    message = Both(payload=[One(), Two()])
    content = encode(message, "type", camelize=False)
    assert [item["type"] for item in content["payload"]] == ["one", "two"]
    assert decode(content, "type", camelize=False, schema=Boths) == message


def test_action_under_its_python_name_is_a_missing_action() -> None:
    with pytest.raises(MessageInvalid) as caught:
        decode({"action": "plain"}, "type", camelize=False)
    (error,) = caught.value.errors
    assert error["type"] == "union_tag_not_found"
    assert error["loc"] == ["message"]
    assert "type" in error["msg"]


@pytest.mark.parametrize("value", ["unknown", 1, None, []])
def test_unknown_action_under_another_name_is_one_error(value: Any) -> None:
    with pytest.raises(MessageInvalid) as caught:
        decode({"type": value}, "type", camelize=False)
    (error,) = caught.value.errors
    assert error["loc"] == ["message"]


def test_other_keys_stay_when_only_the_action_is_renamed() -> None:
    content = encode(Joined(payload=PERSON), "type", camelize=False)
    assert content["type"] == "user_joined"
    assert content["sent_at"] is None
    assert content["payload"]["first_name"] == "Ann"


def test_messages_inside_of_messages_have_the_action_key_too() -> None:
    message = Wrapped(payload=Plain(payload=1))
    content = {"type": "wrapped", "payload": {"type": "plain", "payload": 1}}
    assert encode(message, "type", camelize=False) == content
    assert decode(content, "type", camelize=False) == message


@pytest.mark.parametrize("camelize", [False, True])
def test_action_of_what_is_no_message_stays(camelize: bool) -> None:
    """A dataclass and a typed dict inside of a message have nothing to do with its action."""
    message = Styled(
        payload=[{"action": "one"}], full_size=Size(1), either_one=Size(2, action="two")
    )
    content = encode(message, "type", camelize=camelize)
    size, either = ("fullSize", "eitherOne") if camelize else ("full_size", "either_one")
    assert content["type"] == "styled"
    assert content["payload"] == [{"action": "one"}]
    assert content[size]["action"] == "grow"
    assert content[either]["action"] == "two"
    assert decode(content, "type", camelize=camelize) == message


def test_action_key_is_not_changed_to_camel_case() -> None:
    message = Plain(payload=None)
    assert encode(message, "message_type") == {"message_type": "plain", "payload": None}
    assert decode({"message_type": "plain"}, "message_type") == message


def test_model_with_an_alias_generator_is_told_apart_by_the_action_key() -> None:
    """Its own aliases are kept, but an action that goes by another name is no action."""

    class Camel(BaseMessage):
        model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

        action: Literal["camel"] = "camel"
        payload: int
        sent_at: int = 0

    class Camels(BaseIncomingMessage):
        message: Camel

    for camelize in (False, True):
        content = {"type": "camel", "payload": 1, "sentAt": 2}
        message = Camel(payload=1, sent_at=2)
        assert encode(message, "type", camelize=camelize) == content
        assert decode(content, "type", camelize=camelize, schema=Camels) == message


@pytest.mark.parametrize(
    ("key", "camelize", "wire_names"),
    [
        ("action", False, ["action", "is_mine", "x"]),
        ("type", False, ["type", "is_mine", "x"]),
        ("action", True, ["action", "isMine", "x"]),
        ("message_type", True, ["message_type", "isMine", "x"]),
    ],
)
def test_wire_names_of_fields(key: str, camelize: bool, wire_names: list[str]) -> None:
    names = KeyNames(key, camelize=camelize)
    assert [names.get_wire_name(field) for field in ("action", "is_mine", "x")] == wire_names
    assert names.is_plain == (wire_names[:2] == ["action", "is_mine"])


# --- camelCase ------------------------------------------------------------------------------------


def test_declared_fields_are_in_camel_case_in_nested_models_too() -> None:
    message = Joined(payload=PERSON, sent_at=datetime(2026, 1, 2, tzinfo=UTC))
    content = {
        "action": "user_joined",
        "payload": PERSON_ON_THE_WIRE,
        "sentAt": "2026-01-02T00:00:00Z",
    }
    assert encode(message) == content
    assert decode(content) == message


def test_python_names_are_read_as_well() -> None:
    content = {"action": "user_joined", "payload": PERSON.model_dump(), "sent_at": None}
    assert decode(content) == Joined(payload=PERSON)


def test_values_and_keys_of_the_users_mappings_are_untouched() -> None:
    payload = {"snake_key": {"deep_key": ["snake_value"]}, "camelKey": 1}
    assert encode(Plain(payload=payload)) == {"action": "plain", "payload": payload}
    assert decode({"action": "plain", "payload": payload}) == Plain(payload=payload)


def test_typed_dicts_and_dataclasses_are_camelized() -> None:
    message = Styled(
        payload=[{"is_bold": True, "font_size": Size(1)}],
        full_size=Size(2),
        either_one=Place(street_name="a"),
    )
    content = encode(message)
    assert content["payload"] == [{"isBold": True, "fontSize": {"pixelWidth": 1, "action": "grow"}}]
    assert content["fullSize"] == {"pixelWidth": 2, "action": "grow"}
    assert content["eitherOne"] == {"streetName": "a", "houseNumber": 0}
    assert decode(content) == message


def test_models_that_hold_themselves_are_camelized_at_every_depth() -> None:
    message = Commented(
        payload=Comment(comment_text="a", all_answers=[Comment(comment_text="b", all_answers=[])])
    )
    content = {
        "action": "commented",
        "payload": {
            "commentText": "a",
            "allAnswers": [{"commentText": "b", "allAnswers": []}],
        },
    }
    assert encode(message) == content
    assert decode(content) == message


def test_generic_and_root_models_are_camelized() -> None:
    place = {"streetName": "a", "houseNumber": 0}
    listed = Listed(payload=Page[Place](all_items=[Place(street_name="a")]))
    assert encode(listed) == {"action": "listed", "payload": {"allItems": [place]}}
    assert decode(encode(listed)) == listed
    mapped = Mapped(payload=Places({"snake_key": Place(street_name="a")}))
    assert encode(mapped) == {"action": "mapped", "payload": {"snake_key": place}}
    assert decode(encode(mapped)) == mapped


def test_models_in_fields_of_any_type_are_camelized() -> None:
    place, on_the_wire = Place(street_name="a"), {"streetName": "a", "houseNumber": 0}
    payload = {"one_key": place, "other": [place, (place, {"deep_key": place})], "number": 1}
    assert encode(Plain(payload=payload))["payload"] == {
        "one_key": on_the_wire,
        "other": [on_the_wire, [on_the_wire, {"deep_key": on_the_wire}]],
        "number": 1,
    }
    assert encode(Plain(payload=Plain(payload=place))) == {
        "action": "plain",
        "payload": {"action": "plain", "payload": on_the_wire},
    }


def test_dataclasses_in_fields_of_any_type_are_camelized() -> None:
    payload = encode(Plain(payload=[Size(1)]))["payload"]
    assert payload == [{"pixelWidth": 1, "action": "grow"}]


def test_rich_types_in_fields_of_any_type_are_written() -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    assert encode(Plain(payload=[at, {"at_that": at}]))["payload"] == [
        "2026-01-02T00:00:00Z",
        {"at_that": "2026-01-02T00:00:00Z"},
    ]


OWN = Own.model_validate({"the_name": "a", "in_key": "b", "out_only": "c", "not_own": "d"})


def test_aliases_of_the_users_own_are_kept() -> None:
    message = Aliased(payload=OWN)
    assert encode(message)["payload"] == {
        "the_name": "a",
        "inOnly": "b",
        "out_key": "c",
        "notOwn": "d",
    }
    payload = {"the_name": "a", "in_key": "b", "outOnly": "c", "notOwn": "d"}
    assert decode({"action": "aliased", "payload": payload}) == message


def test_flags_are_camelized() -> None:
    note = Note(payload=Place(street_name="a"), is_mine=True)
    content = encode(note)
    assert (content["isMine"], content["isCurrent"]) == (True, False)
    assert get_encoder("action", True).flag_names == ("isMine", "isCurrent")
    assert get_encoder("type", False).flag_names == ("is_mine", "is_current")
    text = get_encoder("action", True).encode(note, without_flags=True)
    assert json.loads(text) == {
        "action": "note",
        "payload": {"streetName": "a", "houseNumber": 0},
    }


def test_errors_name_the_keys_of_the_wire() -> None:
    with pytest.raises(MessageInvalid) as caught:
        decode({"action": "user_joined", "payload": {"firstName": "a", "homePlace": {}}})
    (error,) = caught.value.errors
    assert error["loc"] == ["message", "user_joined", "payload", "homePlace", "streetName"]


def test_forbidden_keys_are_still_forbidden() -> None:
    class Strict(BaseMessage):
        model_config = ConfigDict(extra="forbid")

        action: Literal["strict"] = "strict"
        payload: None = None
        my_name: str = ""

    class Stricts(BaseIncomingMessage):
        message: Strict

    content = {"action": "strict", "myName": "a"}
    assert decode(content, schema=Stricts) == Strict(my_name="a")
    with pytest.raises(MessageInvalid) as caught:
        decode({**content, "yourName": "b"}, schema=Stricts)
    assert caught.value.errors[0]["type"] == "extra_forbidden"


def test_validators_and_serializers_of_the_user_run() -> None:
    class Checked(BaseMessage):
        action: Literal["checked"] = "checked"
        payload: None = None
        first_name: str
        second_name: str = ""

        @field_validator("first_name")
        @classmethod
        def strip(cls, value: str) -> str:
            return value.strip()

        @field_serializer("second_name")
        def shout(self, value: str) -> str:
            return value.upper()

        @model_validator(mode="after")
        def fill(self) -> "Checked":
            self.second_name = self.second_name or self.first_name
            return self

    class Checking(BaseIncomingMessage):
        message: Checked

    message = decode({"action": "checked", "firstName": " ann "}, schema=Checking)
    assert message == Checked(first_name="ann", second_name="ann")
    content = {"action": "checked", "payload": None, "firstName": "ann", "secondName": "ANN"}
    assert encode(message) == content


def test_computed_fields_are_camelized() -> None:
    class Circle(BaseMessage):
        action: Literal["circle"] = "circle"
        payload: int

        @computed_field
        def double_radius(self) -> int:
            return 2 * int(self.payload)

    assert encode(Circle(payload=2)) == {"action": "circle", "payload": 2, "doubleRadius": 4}


def test_fields_that_serialize_as_their_value_are_camelized() -> None:
    class Some(BaseMessage):
        action: Literal["some"] = "some"
        payload: SerializeAsAny[BaseModel]

    content = encode(Some(payload=Place(street_name="a")))
    assert content["payload"] == {"streetName": "a", "houseNumber": 0}


# Names that a core schema itself uses as keys.
SCHEMA_KEYS = [
    "cls",
    "config",
    "default",
    "expected",
    "fields",
    "function",
    "metadata",
    "ref",
    "schema",
    "serialization",
    "type",
]


@pytest.mark.parametrize("name", SCHEMA_KEYS)
def test_models_in_a_field_of_any_name_are_camelized(
    import_source: ImportSource, name: str
) -> None:
    module = import_source(f"""
from typing import Literal
from pydantic import BaseModel
from chanx.messages.base import BaseIncomingMessage, BaseMessage

class Detail(BaseModel):
    made_at: int

class Payload(BaseModel):
    {name if name != "schema" else "schema_"}: Detail

class Named(BaseMessage):
    action: Literal["named"] = "named"
    payload: Payload

class Incoming(BaseIncomingMessage):
    message: Named
""")
    field = name if name != "schema" else "schema_"
    message = module.Named(payload={field: {"made_at": 1}})
    wire_name = to_camel(field)
    content = {"action": "named", "payload": {wire_name: {"madeAt": 1}}}
    assert encode(message) == content
    assert decode(content, schema=module.Incoming) == message


@pytest.mark.parametrize("name", SCHEMA_KEYS)
def test_message_with_any_action_is_renamed(import_source: ImportSource, name: str) -> None:
    module = import_source(f"""
from typing import Literal
from pydantic import BaseModel
from chanx.messages.base import BaseIncomingMessage, BaseMessage

class Payload(BaseModel):
    made_at: int = 0

class Named(BaseMessage):
    action: Literal["{name}"]
    payload: Payload

class Other(BaseMessage):
    action: Literal["other"]
    payload: None = None

class Incoming(BaseIncomingMessage):
    message: Named | Other
""")
    message = module.Named(action=name, payload={"made_at": 1})
    for key in ("action", "type"):
        content = {key: name, "payload": {"madeAt": 1}}
        assert encode(message, key) == content
        assert decode(content, key, schema=module.Incoming) == message


def test_models_that_are_built_when_first_used_are_camelized() -> None:
    class Deferred(BaseMessage):
        model_config = ConfigDict(defer_build=True)

        action: Literal["deferred"] = "deferred"
        payload: Place

    class Deferring(BaseIncomingMessage):
        message: Deferred

    place = Place(street_name="a")
    content = {"action": "deferred", "payload": {"streetName": "a", "houseNumber": 0}}
    assert encode(Deferred.model_construct(payload=place)) == content
    assert decode(content, schema=Deferring) == Deferred(payload=place)


def test_models_of_classes_that_are_defined_later_are_camelized(
    import_source: ImportSource,
) -> None:
    module = import_source("""
from typing import Literal
from pydantic import BaseModel
from chanx.messages.base import BaseIncomingMessage, BaseMessage

class Early(BaseMessage):
    action: Literal["early"] = "early"
    payload: "Later"

class Incoming(BaseIncomingMessage):
    message: "Early | Late"

class Later(BaseModel):
    made_at: int
    next_one: "Later | None" = None

class Late(BaseMessage):
    action: Literal["late"] = "late"
    payload: list[Early]
""")
    early = {"action": "early", "payload": {"madeAt": 1, "nextOne": None}}
    for content in (early, {"action": "late", "payload": [early]}):
        message = decode(content, schema=module.Incoming)
        assert encode(message) == content


# --- The user's own models are left as they were --------------------------------------------------


def test_own_schemas_of_the_models_are_untouched() -> None:
    class Inner(BaseModel):
        made_at: int

    class Outer(BaseMessage):
        action: Literal["outer"] = "outer"
        payload: Inner
        sent_at: int = 0

    class Outers(BaseIncomingMessage):
        message: Outer

    before = repr(Outer.__pydantic_core_schema__), repr(Inner.__pydantic_core_schema__)
    message = Outer(payload=Inner(made_at=1))
    content = {"type": "outer", "payload": {"madeAt": 1}, "sentAt": 0}
    assert encode(message, "type") == content
    assert decode(content, "type", schema=Outers) == message

    text = '{"action":"outer","payload":{"made_at":1},"sent_at":0}'
    assert message.model_dump_json() == text
    assert Outer.model_validate_json(text) == message
    assert Outer.model_validate(json.loads(text)) == message
    assert TypeAdapter(Outer).validate_json(text) == message
    assert TypeAdapter(list[Outer]).dump_json([message]).decode() == f"[{text}]"
    with pytest.raises(ValueError, match="made_at"):
        Outer.model_validate_json(json.dumps(content))
    assert (repr(Outer.__pydantic_core_schema__), repr(Inner.__pydantic_core_schema__)) == before
    for model in (Outer, Inner):
        assert model.__pydantic_complete__ is True
        assert vars(model)["__pydantic_complete__"] is True
    schema = Outer.model_json_schema()
    assert set(schema["properties"]) == {"action", "payload", "sent_at"}


def test_pydantic_dataclasses_are_untouched() -> None:
    from pydantic.dataclasses import dataclass as pydantic_dataclass

    @pydantic_dataclass
    class Inner:
        made_at: int

    class Outer(BaseMessage):
        action: Literal["outer"] = "outer"
        payload: Inner

    class Outers(BaseIncomingMessage):
        message: Outer

    content = {"action": "outer", "payload": {"madeAt": 1}}
    message = decode(content, schema=Outers)
    assert message == Outer(payload=Inner(made_at=1))
    assert encode(message) == content
    assert message.model_dump_json() == '{"action":"outer","payload":{"made_at":1}}'
    assert dataclasses.asdict(Inner(made_at=1)) == {"made_at": 1}
    assert TypeAdapter(Inner).validate_json('{"made_at":1}') == Inner(made_at=1)
    assert vars(Inner)["__pydantic_complete__"] is True


def test_model_defined_afterwards_on_top_of_a_renamed_one_has_its_own_names() -> None:
    encode(Joined(payload=PERSON))

    class Above(BaseModel):
        first_person: Person

    above = Above(first_person=PERSON)
    assert json.loads(above.model_dump_json()) == {"first_person": PERSON.model_dump()}
    assert Above.model_validate_json(above.model_dump_json()) == above


def test_two_sets_of_names_do_not_mix() -> None:
    message = Joined(payload=PERSON)
    for _ in range(2):
        assert "type" in encode(message, "type", camelize=False)
        assert encode(message, "type", camelize=False)["sent_at"] is None
        assert encode(message, "kind")["sentAt"] is None
        assert "action" in encode(message, camelize=False)


def test_schemas_are_compiled_once() -> None:
    assert get_decoder(Incoming, "action", True) is get_decoder(Incoming, "action", True)
    assert get_decoder(Incoming, "action", True) is not get_decoder(Incoming, "type", True)
    assert get_encoder("action", True) is get_encoder("action", True)
    names = KeyNames("action", camelize=True)
    assert names.get_serializer(Joined) is names.get_serializer(Joined)


def test_compiling_in_several_threads_at_once_leaves_all_models_complete() -> None:
    models = [
        type(
            f"Threaded{number}",
            (BaseMessage,),
            {
                "__annotations__": {"action": Literal["a"], "payload": Person},
                "__module__": __name__,
            },
        )
        for number in range(8)
    ]
    start = threading.Barrier(len(models))
    results: list[Any] = []

    def work(model: Any) -> None:
        start.wait()
        results.append(encode(model(action="a", payload=PERSON), "kind"))

    threads = [threading.Thread(target=work, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [{"kind": "a", "payload": PERSON_ON_THE_WIRE}] * len(models)
    for model in (*models, Person, Place):
        assert model.__pydantic_complete__ is True  # type: ignore[attr-defined]


# --- What holds for all names and values ----------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
# What JSON of ours can hold.
integers = st.integers(-(2**63), 2**64 - 1)
places = st.builds(Place, street_name=texts, house_number=integers)
people = st.builds(
    Person,
    first_name=texts,
    home_place=places,
    other_places=st.lists(places, max_size=2),
    by_role=st.dictionaries(texts, places, max_size=2),
    maybe_place=st.none() | places,
)
messages = st.one_of(
    st.builds(Joined, payload=people, sent_at=st.none() | st.datetimes(timezones=st.just(UTC))),
    st.builds(
        Styled,
        payload=st.lists(
            st.fixed_dictionaries(
                {}, optional={"is_bold": st.booleans(), "font_size": st.builds(Size, integers)}
            ),
            max_size=2,
        ),
        full_size=st.builds(Size, integers),
        some_corner=st.builds(Corner, integers, integers),
        either_one=st.none() | places | st.builds(Size, integers),
    ),
    st.builds(
        Commented,
        payload=st.recursive(
            st.builds(Comment, comment_text=texts, all_answers=st.just([])),
            lambda answers: st.builds(
                Comment, comment_text=texts, all_answers=st.lists(answers, max_size=2)
            ),
            max_leaves=6,
        ),
    ),
    st.builds(Mapped, payload=st.builds(Places, st.dictionaries(texts, places, max_size=2))),
    st.builds(Note, payload=places, is_mine=st.booleans(), is_current=st.booleans()),
)
keys = st.sampled_from(["action", "type", "kind", "message_type", "@type"])


@given(message=messages, key=keys, camelize=st.booleans())
def test_every_message_comes_back_under_all_names(
    message: BaseMessage, key: str, camelize: bool
) -> None:
    content = encode(message, key, camelize=camelize)
    assert content[key] == message.action
    if key != "action":
        assert "action" not in content
    assert decode(content, key, camelize=camelize) == message


@given(
    payload=st.recursive(
        texts | integers | places, lambda v: st.lists(v) | st.dictionaries(texts, v)
    )
)
def test_data_in_fields_of_any_type_keeps_its_keys(payload: Any) -> None:
    def on_the_wire(value: Any) -> Any:
        match value:
            case Place():
                return {"streetName": value.street_name, "houseNumber": value.house_number}
            case dict():
                return {key: on_the_wire(item) for key, item in value.items()}
            case list():
                return [on_the_wire(item) for item in value]
        return value

    assert encode(Plain(payload=payload))["payload"] == on_the_wire(payload)


def test_annotated_discriminators_inside_of_payloads_are_renamed_with_their_fields() -> None:
    class Cat(BaseModel):
        pet_type: Literal["cat"] = "cat"
        claw_count: int

    class Dog(BaseModel):
        pet_type: Literal["dog"] = "dog"
        tail_length: int

    class Pet(BaseMessage):
        action: Literal["pet"] = "pet"
        payload: Annotated[Cat | Dog, Field(discriminator="pet_type")]

    class Pets(BaseIncomingMessage):
        message: Pet

    message = Pet(payload=Dog(tail_length=3))
    content = {"action": "pet", "payload": {"petType": "dog", "tailLength": 3}}
    assert encode(message) == content
    assert decode(content, schema=Pets) == message
