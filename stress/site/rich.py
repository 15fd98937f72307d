"""The schema under fuzz: messages with most of what Pydantic can hold."""

import datetime
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from chanx.messages.base import BaseIncomingMessage, BaseMessage

Name = Annotated[str, Field(min_length=1, max_length=40)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,20}$")]


class Color(Enum):
    """A choice of strings."""

    RED = "red"
    GREEN = "green"


class Priority(IntEnum):
    """A choice of numbers."""

    LOW = 1
    HIGH = 2


class Point(BaseModel):
    """Two numbers and an optional text."""

    x: float
    y: float
    label: Name | None = None


class Circle(BaseModel):
    """A member of a union."""

    kind: Literal["circle"]
    center: Point
    radius: Annotated[float, Field(gt=0, le=1e6)]


class Polygon(BaseModel):
    """Another one."""

    kind: Literal["polygon"]
    points: Annotated[list[Point], Field(max_length=100)]


class Drawing(BaseModel):
    """A union told apart by a field."""

    shape: Annotated[Circle | Polygon, Field(discriminator="kind")]
    color: Color = Color.RED


class DrawMessage(BaseMessage):
    """Holds nested models."""

    action: Literal["draw"] = "draw"
    payload: Drawing


class Order(BaseModel):
    """What has no form of its own in JSON."""

    id: UUID
    at: datetime.datetime
    due: datetime.date | None = None
    hour: datetime.time | None = None
    amount: Annotated[Decimal, Field(max_digits=12, decimal_places=2)]
    color: Color
    priority: Priority
    slug: Slug
    tags: set[Name] = Field(default_factory=set, max_length=50)
    attributes: dict[str, int | float | bool | str | None] = Field(default_factory=dict)


class OrderMessage(BaseMessage):
    """Holds one or many."""

    action: Literal["order"] = "order"
    payload: Order | list[Order]


class Node(BaseModel):
    """Holds itself."""

    name: str
    children: "list[Node]" = []


class TreeMessage(BaseMessage):
    """Holds a recursive model."""

    action: Literal["tree"] = "tree"
    payload: Node


class AnyMessage(BaseMessage):
    """Holds whatever JSON can say."""

    action: Literal["any"] = "any"
    payload: Any = None


class TupleMessage(BaseMessage):
    """Holds a list of fixed length."""

    action: Literal["tuple"] = "tuple"
    payload: tuple[int, str, bool]


class StrictMessage(BaseMessage):
    """Converts nothing and takes no extra keys."""

    model_config = ConfigDict(extra="forbid", strict=True)

    action: Literal["strict"] = "strict"
    payload: dict[str, list[int]]


class SwitchMessage(BaseMessage):
    """Has more than one action."""

    action: Literal["start", "stop"]
    payload: bool | int | None = None


class MarkMessage(BaseMessage):
    """Comes back with its number; tells whether each frame before it had one answer."""

    action: Literal["mark"] = "mark"
    payload: int


class RichIncomingMessage(BaseIncomingMessage):
    """What may be sent to the consumers under fuzz."""

    message: (
        DrawMessage
        | OrderMessage
        | TreeMessage
        | AnyMessage
        | TupleMessage
        | StrictMessage
        | SwitchMessage
        | MarkMessage
    )
