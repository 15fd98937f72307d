"""Base classes of messages and containers: mistakes are found when the class is defined."""

# Aliases here are made as a function makes them, under names of their own.
# pyright: reportGeneralTypeIssues=false

import abc
import enum
import sys
import textwrap
from collections.abc import Callable
from types import ModuleType
from typing import Annotated, Any, Generic, Literal, Optional, TypeVar, Union

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import TypeAliasType

from chanx.messages import base
from chanx.messages.base import (
    BaseGroupMessage,
    BaseIncomingMessage,
    BaseMessage,
    BaseOutgoingGroupMessage,
    get_actions,
)

T = TypeVar("T")
ImportSource = Callable[[str], ModuleType]


class Chat(BaseMessage):
    action: Literal["chat"] = "chat"
    payload: str = ""


class Move(BaseMessage):
    action: Literal["move", "jump"]
    payload: int = 0


class Note(BaseGroupMessage):
    action: Literal["note"]
    payload: str = ""


def build_container(annotation: Any) -> type[BaseIncomingMessage]:
    """A container of its own for each annotation."""
    namespace = {"__annotations__": {"message": annotation}, "__module__": __name__}
    return type("Container", (BaseIncomingMessage,), namespace)


def build_message(annotation: Any) -> type[BaseMessage]:
    namespace = {"__annotations__": {"action": annotation}, "__module__": __name__}
    return type("Built", (BaseMessage,), namespace)


def test_public_names() -> None:
    assert base.__all__ == [
        "BaseGroupMessage",
        "BaseIncomingMessage",
        "BaseMessage",
        "BaseOutgoingGroupMessage",
        "BaseOutgoingMessage",
        "get_actions",
    ]


# --- Messages: mistakes ---------------------------------------------------------------------------


def test_message_without_an_action_is_a_type_error_when_it_is_defined() -> None:
    with pytest.raises(TypeError, match="'Speechless' must define an 'action' field"):

        class Speechless(BaseMessage):
            payload: str


def test_group_message_without_an_action_is_a_type_error_when_it_is_defined() -> None:
    with pytest.raises(TypeError, match="must define an 'action' field"):

        class Speechless(BaseGroupMessage):
            payload: str


class Verb(enum.Enum):
    SING = "sing"


@pytest.mark.parametrize(
    "annotation",
    [
        str,
        int,
        Verb,
        str | None,
        Literal["a"] | None,
        Literal["a"] | Literal["b"],
        Optional[Literal["a"]],  # noqa: UP045 - the old spelling is what is tested
        list[str],
        Annotated[str, Field(min_length=1)],
        Literal[None],
        Literal["a", None],
        Literal[b"a"],
    ],
    ids=repr,
)
def test_action_that_is_no_literal_is_a_type_error_when_it_is_defined(annotation: Any) -> None:
    with pytest.raises(
        TypeError, match="'Built' requires the field 'action' to be a `Literal` type"
    ):
        build_message(annotation)


def test_action_is_not_taken_for_one_because_of_its_default() -> None:
    with pytest.raises(TypeError, match="requires the field 'action' to be a `Literal` type"):

        class Loose(BaseMessage):
            action: str = "loose"


def test_action_with_postponed_annotation_is_checked_too(import_source: ImportSource) -> None:
    head = "from __future__ import annotations\n"
    with pytest.raises(TypeError, match="must define an 'action' field"):
        import_source(
            head
            + textwrap.dedent("""
                from chanx.messages.base import BaseMessage
                class Speechless(BaseMessage):
                    payload: str
            """)
        )
    with pytest.raises(TypeError, match="requires the field 'action' to be a `Literal` type"):
        import_source(
            head
            + textwrap.dedent("""
                from chanx.messages.base import BaseMessage
                class Loose(BaseMessage):
                    action: str
            """)
        )


# --- Messages: what works -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "actions"),
    [
        (Literal["a"], ["a"]),
        (Literal["a", "b"], ["a", "b"]),
        (Literal[Literal["a"], Literal["b", "c"]], ["a", "b", "c"]),  # noqa: RUF041
        (Literal[1, "a"], [1, "a"]),
        (Annotated[Literal["a"], Field(description="an a")], ["a"]),
        (Annotated[Annotated[Literal["a"], "inner"], "outer"], ["a"]),
        (TypeAliasType("Alias", Literal["a", "b"]), ["a", "b"]),
        (TypeAliasType("Alias", Annotated[Literal["a"], "inner"]), ["a"]),
    ],
    ids=repr,
)
def test_action_may_be_spelled_in_many_ways(annotation: Any, actions: list[str | int]) -> None:
    message = build_message(annotation)
    assert list(get_actions(build_container(message))) == actions
    for action in actions:
        assert message(action=action, payload=None).action == action
    with pytest.raises(ValidationError):
        message(action="other", payload=None)


def test_enum_members_count_as_their_values() -> None:
    class Kind(enum.StrEnum):
        ONE = "one"
        TWO = "two"

    class Number(enum.IntEnum):
        THREE = 3

    message = build_message(Literal[Kind.ONE, Kind.TWO, Number.THREE])
    actions = list(get_actions(build_container(message)))
    assert actions == ["one", "two", 3]
    assert [type(action) for action in actions] == [str, str, int]


def test_action_may_be_inherited() -> None:
    class Louder(Chat):
        volume: int = 1

    class Loudest(Louder):
        payload: str = "!"

    assert Louder().action == Loudest().action == "chat"
    assert get_actions(build_container(Louder)) == {"chat": Louder}


def test_inherited_action_may_be_another_in_the_subclass() -> None:
    class Whisper(Chat):
        action: Literal["whisper"] = "whisper"  # type: ignore[assignment]

    assert get_actions(build_container(Chat | Whisper)) == {"chat": Chat, "whisper": Whisper}


def test_base_of_others_needs_no_action() -> None:
    class Timed(BaseMessage, abc.ABC):
        at: int = 0

    class TimedChat(Timed):
        action: Literal["timed"] = "timed"
        payload: Any = None

    assert TimedChat(at=1).at == 1
    with pytest.raises(TypeError, match="must define an 'action' field"):

        class TimedNothing(Timed):
            pass


def test_base_of_others_may_be_generic() -> None:
    class Carrier(BaseMessage, abc.ABC, Generic[T]):
        payload: T

    class Carried(Carrier[int]):
        action: Literal["carried"] = "carried"

    assert Carried(payload=1).payload == 1
    with pytest.raises(ValidationError):
        Carried.model_validate({"payload": "no number"})
    with pytest.raises(TypeError, match="must define an 'action' field"):

        class CarriedNothing(Carrier[int]):
            pass


def test_message_may_be_generic() -> None:
    class Carrier(BaseMessage, Generic[T]):
        action: Literal["carrier"] = "carrier"
        payload: T

    carrier: Any = Carrier[int]
    assert get_actions(build_container(carrier | Chat)) == {"carrier": carrier, "chat": Chat}
    assert carrier(payload=1).payload == 1
    with pytest.raises(ValidationError):
        carrier.model_validate({"payload": "no number"})


def test_payload_may_be_a_class_that_is_defined_later(import_source: ImportSource) -> None:
    module = import_source("""
from typing import Literal
from pydantic import BaseModel
from chanx.messages.base import BaseIncomingMessage, BaseMessage

class Early(BaseMessage):
    action: Literal["early"] = "early"
    payload: "Later"

class Incoming(BaseIncomingMessage):
    message: Early

class Later(BaseModel):
    text: str
""")
    assert get_actions(module.Incoming) == {"early": module.Early}
    assert module.Early(payload={"text": "a"}).payload == module.Later(text="a")


def test_message_may_hold_itself() -> None:
    class Thread(BaseMessage):
        action: Literal["thread"] = "thread"
        payload: "list[Thread]" = []

    assert get_actions(build_container(Thread)) == {"thread": Thread}
    assert Thread(payload=[Thread()]).payload == [Thread()]


def test_flags_of_a_group_message_are_false_unless_set() -> None:
    note = Note(action="note")
    assert (note.is_mine, note.is_current) == (False, False)
    assert list(Note.model_fields) == ["action", "payload", "is_mine", "is_current"]
    assert issubclass(Note, BaseMessage)


def test_configuration_of_the_user_holds() -> None:
    class Frozen(BaseMessage):
        model_config = ConfigDict(frozen=True, extra="forbid")

        action: Literal["frozen"] = "frozen"
        payload: None = None

    with pytest.raises(ValidationError):
        Frozen(payload=None, other=1)  # type: ignore[call-arg]
    assert hash(Frozen()) == hash(Frozen())


# --- Containers: mistakes -------------------------------------------------------------------------


def test_container_without_its_field_is_a_type_error_when_it_is_defined() -> None:
    with pytest.raises(TypeError, match="'Empty' must define a 'message' field"):

        class Empty(BaseIncomingMessage):
            pass

    with pytest.raises(TypeError, match="must define a 'message' field"):

        class Misspelled(BaseIncomingMessage):
            messages: Chat


def test_group_container_without_its_field_is_a_type_error_when_it_is_defined() -> None:
    with pytest.raises(TypeError, match="'Empty' must define a 'group_message' field"):

        class Empty(BaseOutgoingGroupMessage):
            message: Chat


class NoMessage(BaseModel):
    action: Literal["no message"] = "no message"


@pytest.mark.parametrize(
    "annotation",
    [
        str,
        Any,
        None,
        NoMessage,
        Chat | NoMessage,
        Chat | None,
        Chat | str,
        Optional[Chat],  # noqa: UP045 - the old spelling is what is tested
        list[Chat],
        dict[str, Chat],
        type[Chat],
        Literal["chat"],
        BaseMessage,
        BaseGroupMessage,
        Chat | BaseMessage,
        Annotated[Chat | str, "two"],
        TypeAliasType("Alias", Chat | int),
    ],
    ids=repr,
)
def test_container_of_something_else_is_a_type_error_when_it_is_defined(annotation: Any) -> None:
    with pytest.raises(TypeError, match=r"'message' must be a\s+message class or a union"):
        build_container(annotation)


class NoModel:
    """Somebody forgot the base class."""


@pytest.mark.parametrize("annotation", [NoModel, Chat | NoModel], ids=repr)
def test_container_of_what_pydantic_does_not_know_is_a_type_error_too(annotation: Any) -> None:
    """Pydantic's own error for it is no TypeError in all versions."""
    with pytest.raises(TypeError, match="NoModel"):
        build_container(annotation)


def test_error_names_what_is_no_message() -> None:
    with pytest.raises(TypeError, match=r"Container.*but holds.*NoMessage"):
        build_container(Chat | NoMessage)


def test_container_of_a_base_of_others_is_a_type_error() -> None:
    class Timed(BaseMessage, abc.ABC):
        at: int = 0

    with pytest.raises(TypeError, match="message class or a union"):
        build_container(Timed)


def test_two_classes_with_one_action_are_a_type_error_that_names_all_three() -> None:
    class Other(BaseMessage):
        action: Literal["other", "chat"]

    with pytest.raises(TypeError, match="Chat and Other both have the action 'chat'"):

        class Doubled(BaseIncomingMessage):
            message: Chat | Move | Other


def test_two_group_classes_with_one_action_are_a_type_error() -> None:
    class Other(BaseGroupMessage):
        action: Literal["note"]

    with pytest.raises(TypeError, match="Note and Other both have the action 'note'"):

        class Doubled(BaseOutgoingGroupMessage):
            group_message: Note | Other


def test_numbers_and_texts_are_different_actions() -> None:
    one, text = build_message(Literal[1]), build_message(Literal["1"])
    assert get_actions(build_container(one | text)) == {1: one, "1": text}


def test_same_class_twice_is_no_mistake() -> None:
    container = build_container(Annotated[Chat, "one"] | Annotated[Chat, "two"])
    assert get_actions(container) == {"chat": Chat}


def test_field_that_a_subclass_spoils_is_a_type_error() -> None:
    class Incoming(BaseIncomingMessage):
        message: Chat

    with pytest.raises(TypeError, match="message class or a union"):

        class Spoiled(Incoming):
            message: str  # type: ignore[assignment]


# --- Containers: what works -----------------------------------------------------------------------

ALL = {"chat": Chat, "move": Move, "jump": Move}


@pytest.mark.parametrize(
    "annotation",
    [
        Chat | Move,
        Union[Chat, Move],  # noqa: UP007 - the old spelling is what is tested
        Annotated[Chat | Move, Field(discriminator="action")],
        Annotated[Annotated[Chat | Move, "inner"], Field(discriminator="action")],
        Annotated[Chat, "one"] | Annotated[Move, "two"],
        TypeAliasType("Alias", Chat | Move),
        TypeAliasType("Alias", Annotated[Chat | Move, Field(discriminator="action")]),
        Chat | TypeAliasType("Alias", Move),
        Annotated[TypeAliasType("Alias", Chat | Move), Field(discriminator="action")],
    ],
    ids=repr,
)
def test_union_may_be_spelled_in_many_ways(annotation: Any) -> None:
    actions = get_actions(build_container(annotation))
    assert actions == ALL
    assert list(actions) == list(ALL)


def test_single_class_is_a_container_too() -> None:
    class Incoming(BaseIncomingMessage):
        message: Chat

    class Outgoing(BaseOutgoingGroupMessage):
        group_message: Note

    assert get_actions(Incoming) == {"chat": Chat}
    assert get_actions(Outgoing) == {"note": Note}


def test_field_may_be_described_and_told_apart_by_field() -> None:
    class Incoming(BaseIncomingMessage):
        message: Chat | Move = Field(discriminator="action", description="what clients send")

    assert get_actions(Incoming) == ALL


def test_container_may_be_inherited_and_extended() -> None:
    class Incoming(BaseIncomingMessage):
        message: Chat

    class Same(Incoming):
        pass

    class More(Incoming):
        message: Chat | Move  # type: ignore[assignment]

    assert get_actions(Same) == {"chat": Chat}
    assert get_actions(More) == ALL


def test_group_container_takes_messages_without_flags_too() -> None:
    class Outgoing(BaseOutgoingGroupMessage):
        group_message: Note | Chat

    assert get_actions(Outgoing) == {"note": Note, "chat": Chat}


POSTPONED = """
from __future__ import annotations

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, Field

from chanx.messages.base import (
    BaseGroupMessage, BaseIncomingMessage, BaseMessage, BaseOutgoingGroupMessage
)

T = TypeVar("T")
Kind = Literal["sing", "hum"]

class Tune(BaseModel):
    notes: list[Tune] = []

class Sing(BaseMessage):
    action: Kind = "sing"
    payload: Tune | None = None

class Carrier(BaseMessage, Generic[T]):
    action: Literal["carrier"] = "carrier"
    payload: T

class Inherited(Sing):
    action: Literal["inherited"] = "inherited"

class Note(BaseGroupMessage):
    action: Annotated[Literal["note"], Field(description="a note")] = "note"

Both = Annotated[Sing | Carrier[int], Field(discriminator="action")]

class Incoming(BaseIncomingMessage):
    message: Both | Inherited

class Outgoing(BaseOutgoingGroupMessage):
    group_message: Note

class Early(BaseIncomingMessage):
    message: Late | Sing

class Late(BaseMessage):
    action: Literal["late"] = "late"
"""


def test_postponed_annotations_work_everywhere(import_source: ImportSource) -> None:
    module = import_source(POSTPONED)
    assert get_actions(module.Incoming) == {
        "sing": module.Sing,
        "hum": module.Sing,
        "carrier": module.Carrier[int],
        "inherited": module.Inherited,
    }
    assert get_actions(module.Outgoing) == {"note": module.Note}
    assert get_actions(module.Early) == {
        "late": module.Late,
        "sing": module.Sing,
        "hum": module.Sing,
    }


def test_postponed_annotations_may_name_classes_of_a_function(import_source: ImportSource) -> None:
    module = import_source("""
from __future__ import annotations
from typing import Literal
from chanx.messages.base import BaseIncomingMessage, BaseMessage, get_actions

def build():
    class Local(BaseMessage):
        action: Literal["local"] = "local"

    class Incoming(BaseIncomingMessage):
        message: Local

    return get_actions(Incoming) == {"local": Local}
""")
    assert module.build()


@pytest.mark.parametrize(
    "annotation",
    [
        '"Late"',
        '"Late | Soon"',
        '"Soon | Late"',
        'Union["Late", "Soon"]',
        'Union["Late", Soon]',
        'Annotated["Late | Soon", Field(discriminator="action")]',
        'Annotated[Union["Late", "Soon"], Field(discriminator="action")]',
    ],
)
def test_container_may_name_classes_that_are_defined_later(
    import_source: ImportSource, annotation: str
) -> None:
    module = import_source(f"""
from typing import Annotated, Literal, Union
from pydantic import Field
from chanx.messages.base import BaseIncomingMessage, BaseMessage

class Soon(BaseMessage):
    action: Literal["soon"] = "soon"

class Incoming(BaseIncomingMessage):
    message: {annotation}

class Late(BaseMessage):
    action: Literal["late"] = "late"
""")
    actions = get_actions(module.Incoming)
    assert actions.pop("late") is module.Late
    assert actions in ({}, {"soon": module.Soon})


def test_mistake_in_a_class_that_is_defined_later_is_found_when_it_is_looked_up(
    import_source: ImportSource,
) -> None:
    module = import_source("""
from pydantic import BaseModel
from chanx.messages.base import BaseIncomingMessage

class Incoming(BaseIncomingMessage):
    message: "Late"

class Late(BaseModel):
    pass
""")
    with pytest.raises(TypeError, match="message class or a union"):
        get_actions(module.Incoming)


def test_later_class_whose_own_fields_make_no_sense_is_a_type_error(
    import_source: ImportSource,
) -> None:
    module = import_source("""
from typing import Literal
from chanx.messages.base import BaseIncomingMessage, BaseMessage

class Incoming(BaseIncomingMessage):
    message: "Late"

class NoModel:
    pass

class Late(BaseMessage):
    action: Literal["late"] = "late"
    payload: "Latest"

Latest = NoModel
""")
    with pytest.raises(TypeError, match="NoModel"):
        get_actions(module.Incoming)


def test_two_classes_with_one_action_are_found_in_names_that_are_looked_up_later(
    import_source: ImportSource,
) -> None:
    module = import_source("""
from typing import Literal
from chanx.messages.base import BaseIncomingMessage, BaseMessage

class Incoming(BaseIncomingMessage):
    message: "One | Other"

class One(BaseMessage):
    action: Literal["one"]

class Other(BaseMessage):
    action: Literal["one"]
""")
    with pytest.raises(TypeError, match="One and Other both have the action 'one'"):
        get_actions(module.Incoming)


def test_name_that_never_comes_is_an_error_that_says_the_name(
    import_source: ImportSource,
) -> None:
    module = import_source("""
from chanx.messages.base import BaseIncomingMessage

class Incoming(BaseIncomingMessage):
    message: "Nowhere"
""")
    with pytest.raises((NameError, TypeError), match="Nowhere"):
        get_actions(module.Incoming)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type` statements came with Python 3.12")
def test_type_statements_work(import_source: ImportSource) -> None:
    module = import_source("""
from typing import Literal
from chanx.messages.base import BaseIncomingMessage, BaseMessage

type Kind = Literal["sing", "hum"]

class Sing(BaseMessage):
    action: Kind

class Carrier[T](BaseMessage):
    action: Literal["carrier"] = "carrier"
    payload: T

type All = Sing | Carrier[int]

class Incoming(BaseIncomingMessage):
    message: All
""")
    actions = {"sing": module.Sing, "hum": module.Sing, "carrier": module.Carrier[int]}
    assert get_actions(module.Incoming) == actions


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type` statements came with Python 3.12")
def test_type_statement_may_name_classes_that_are_defined_later(
    import_source: ImportSource,
) -> None:
    module = import_source("""
from typing import Literal
from chanx.messages.base import BaseIncomingMessage, BaseMessage

type All = Early | Late

class Early(BaseMessage):
    action: Literal["early"] = "early"

class Incoming(BaseIncomingMessage):
    message: All

class Late(BaseMessage):
    action: Literal["late"] = "late"
""")
    assert get_actions(module.Incoming) == {"early": module.Early, "late": module.Late}
