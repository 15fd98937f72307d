"""Types of all kinds that Pydantic can describe."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Network
from typing import Annotated, Any, Literal, Optional
from uuid import UUID

from hypothesis import strategies as st
from pydantic import (
    UUID4,
    AnyUrl,
    AwareDatetime,
    BaseModel,
    Field,
    FutureDate,
    FutureDatetime,
    Json,
    JsonValue,
    NaiveDatetime,
    PastDatetime,
    SecretStr,
    StringConstraints,
    create_model,
)
from pydantic.types import Base64Bytes, ByteSize

__all__ = ["Colour", "make_model", "types"]


class Colour(Enum):
    """Has no order but that of its members."""

    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    """A model inside of others."""

    name: str
    tags: list[str] = []


def numbers(kind: Any) -> st.SearchStrategy[Any]:
    """Return numbers with bounds between which there is at least one."""
    low = st.integers(-1000, 1000)
    both = st.builds(lambda a, size: Annotated[kind, Field(ge=a, le=a + size)], low, st.integers(0))
    return st.one_of(
        st.just(kind),
        st.builds(lambda a: Annotated[kind, Field(ge=a)], low),
        st.builds(lambda a: Annotated[kind, Field(gt=a)], low),
        st.builds(lambda a: Annotated[kind, Field(lt=a)], low),
        both,
        st.builds(lambda a, m: Annotated[kind, Field(gt=a, multiple_of=m)], low, st.integers(1, 9)),
        st.builds(lambda a: Annotated[kind, Field(gt=a, lt=a + 2)], low),
    )


PATTERNS = [
    r"^[a-z]{3,5}$",
    r"^\d+-\d+$",
    r"^(yes|no)$",
    r"^[^\x00]*$",
    r"^#[0-9a-fA-F]{6}$",
    r"^\w+@\w+\.\w{2,}$",
    r"^[A-Z][a-z]*( [A-Z][a-z]*)*$",
]

texts = st.one_of(
    st.just(str),
    st.builds(
        lambda low, size: Annotated[str, StringConstraints(min_length=low, max_length=low + size)],
        st.integers(0, 40),
        st.integers(0, 40),
    ),
    st.sampled_from(PATTERNS).map(lambda each: Annotated[str, StringConstraints(pattern=each)]),
)
plain = st.sampled_from(
    [
        bool,
        None,
        Any,
        bytes,
        date,
        datetime,
        time,
        timedelta,
        UUID,
        UUID4,
        Decimal,
        Colour,
        Inner,
        IPv4Address,
        IPv6Network,
        AnyUrl,
        SecretStr,
        JsonValue,
        ByteSize,
        Base64Bytes,
        AwareDatetime,
        NaiveDatetime,
        PastDatetime,
        FutureDatetime,
        FutureDate,
        Json[list[int]],
        Literal["a", 1],
        dict,
        list,
    ]
)
hashable = st.one_of(st.sampled_from([int, str, UUID, date]), texts)


# As values: what they are asked for is known at run time only.
LIST: Any = list
DICT: Any = dict
TUPLE: Any = tuple
SET: Any = set
OPTIONAL: Any = Optional


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return types that hold others."""
    return st.one_of(
        inner.map(lambda each: LIST[each]),
        inner.map(lambda each: Annotated[LIST[each], Field(min_length=2, max_length=3)]),
        inner.map(lambda each: DICT[str, each]),
        st.builds(lambda key, each: DICT[key, each], st.sampled_from([int, UUID, date]), inner),
        st.builds(lambda a, b: TUPLE[a, b], inner, inner),
        inner.map(lambda each: TUPLE[each, ...]),
        inner.map(lambda each: OPTIONAL[each]),
        st.builds(lambda a, b: OPTIONAL[a | b], inner.filter(bool), st.sampled_from([int, str])),
        hashable.map(lambda each: SET[each]),
        st.dictionaries(st.sampled_from("abc"), inner, min_size=1).map(make_model),
    )


def make_model(fields: Mapping[str, Any]) -> type[BaseModel]:
    """Return a model in which every second field may be left out."""
    made: dict[str, Any] = {
        name: (each, ... if number % 2 else Field(default_factory=list))
        for number, (name, each) in enumerate(fields.items())
    }
    return create_model("Made", **made)


types = st.recursive(
    st.one_of(numbers(int), numbers(float), texts, plain), containers, max_leaves=6
)
