"""Writes the description of messages that would differ between processes, had nobody an eye on it.

To be run, not imported by tests.
"""

import dataclasses
import json
import sys
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field, RootModel, computed_field
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import TypedDict

from chanx.description.messages import MessageKey, describe_messages
from chanx.engine.aliases import KeyNames
from chanx.messages.base import BaseMessage

NAMES: Any = {"green", "red", "blue", "black"}


def get_now() -> datetime:
    """Return the time, which is another one each time."""
    return datetime.now(UTC)


@dataclasses.dataclass
class Record:
    """Holds a set."""

    names: set[str] = dataclasses.field(default_factory=lambda: set(NAMES))
    given: frozenset[str] = frozenset(NAMES)


class Pair(NamedTuple):
    """Holds another one."""

    names: frozenset[str]


class Typed(TypedDict):
    """Holds a third one."""

    names: set[str]


class Meta(BaseModel):
    """Is made by factories."""

    key: UUID = Field(default_factory=uuid4)
    at: datetime = Field(default_factory=get_now)
    names: set[str] = Field(default_factory=set)


class Names(RootModel[list[Meta]]):
    """A list that is walked like one."""

    def __iter__(self) -> Any:
        """Walk."""
        return iter(self.root)


class Computed(BaseModel):
    """Says more than it was told."""

    number: int = 0

    @computed_field  # type: ignore[prop-decorator]  # as Pydantic's documentation has it
    @property
    def names(self) -> set[str]:
        """Return what has no order."""
        return set(NAMES)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def sent_at(self) -> datetime:
        """Return the time."""
        return get_now()


class Varying(BaseMessage):
    """Has all of them."""

    action: Literal["varying"] = "varying"
    payload: Annotated[set[str], Field(examples=[NAMES])]
    by_key: Annotated[dict[str, set[str]] | None, Field(examples=[{"a": NAMES}])] = None
    extra: Annotated[str, Field(json_schema_extra={"x-names": NAMES})] = ""
    record: Record = Record(names=set(NAMES))
    other_record: Record = Record()
    pair: Pair = Pair(frozenset(NAMES))
    typed: Typed = {"names": NAMES}
    meta: Meta = Meta()
    metas: list[Meta] = [Meta()]
    more: Names = Names([Meta(key=UUID(int=1), at=datetime(2025, 1, 1, tzinfo=UTC))])
    computed: Computed = Computed()
    own: Meta = Field(default_factory=Meta)
    anything: Any = NAMES


class Given(Varying):
    """Has examples in which most of it is left out."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"action": "given", "payload": NAMES},
                {"action": "given", "payload": ["b", "a"], "meta": {}, "metas": [{}], "more": [{}]},
            ]
        }
    )

    action: Literal["given"] = "given"  # type: ignore[assignment]  # another than the base's


@pydantic_dataclass
class Ticket:
    """Is made by factories in part."""

    name: str
    key: UUID = Field(default_factory=uuid4)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def sent_at(self) -> datetime:
        """Return the time."""
        return get_now()


class Sold(BaseMessage):
    """Has a dataclass, of which an example says the least."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"action": "sold", "payload": {"name": "Ann"}, "more": [{"name": "Bob"}]}]
        }
    )

    action: Literal["sold"] = "sold"
    payload: Ticket
    more: list[Ticket]


class Unsold(BaseMessage):
    """Has the same, and no example."""

    action: Literal["unsold"] = "unsold"
    payload: Ticket


if __name__ == "__main__":
    for camelize in (False, True):
        keys: list[MessageKey] = [
            (Varying, "in"),
            (Varying, "out"),
            (Given, "in"),
            (Given, "out"),
            (Sold, "out"),
            (Unsold, "out"),
        ]
        definitions, described = describe_messages(keys, KeyNames("action", camelize=camelize))
        found = [dataclasses.asdict(each) for each in described.values()]
        sys.stdout.write(json.dumps([definitions, found], indent=1))
