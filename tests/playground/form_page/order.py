"""A model with most kinds of fields, and values of it."""

from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal, Optional

from pydantic import BaseModel, Field, TypeAdapter

__all__ = ["LEAST", "MOST", "SCHEMA"]


class Colour(Enum):
    """What a thing may have."""

    RED = "red"
    BLUE = "blue"


class Card(BaseModel):
    """Paid by card."""

    kind: Literal["card"] = "card"
    number: Annotated[str, Field(description="The last four digits.")]


class Cash(BaseModel):
    """Paid in cash."""

    kind: Literal["cash"] = "cash"
    change: int = 0


class Line(BaseModel):
    """One line of an order."""

    sku: str
    count: Annotated[int, Field(ge=1)] = 1


class Order(BaseModel):
    """What a customer wants."""

    action: Literal["order"]
    name: Annotated[str, Field(min_length=1, description="As on the parcel.")]
    text: str = ""
    total: float
    is_gift: bool = False
    colour: Colour = Colour.RED
    at: datetime | None = None
    payment: Annotated[Card | Cash, Field(discriminator="kind")]
    tags: list[str] = []
    lines: list[Line] = []
    place: tuple[float, str] = (0, "")
    labels: dict[str, int] = {}
    code: int | str = 1
    anything: Any = None
    parent: Optional["Order"] = None


SCHEMA = TypeAdapter(Order).json_schema()
LEAST = {
    "action": "order",
    "name": "Ann",
    "total": 1.5,
    "payment": {"kind": "card", "number": "1234"},
}
MOST = {
    **LEAST,
    "text": "Two\nlines",
    "is_gift": True,
    "colour": "blue",
    "at": "2025-01-31T12:00:00Z",
    "tags": ["a", "b", "c"],
    "lines": [{"sku": "A-1", "count": 2}],
    "place": [1, "x"],
    "labels": {"vip": 1},
    "code": "A1",
    "anything": {"a": [1]},
    "parent": None,
}
