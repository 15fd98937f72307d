"""Examples: of any model that Pydantic can describe, and always the same ones."""

import json
import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Network
from typing import Annotated, Any, Literal, Optional
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import (
    UUID4,
    AnyUrl,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    FutureDate,
    FutureDatetime,
    Json,
    JsonValue,
    NaiveDatetime,
    PastDatetime,
    SecretStr,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.types import Base64Bytes, ByteSize

from chanx.asyncapi.examples import NoExample, make_example


def make_from_model(model: Any) -> Any:
    """Return the example of a type, which the type has taken."""
    adapter: TypeAdapter[Any] = TypeAdapter(model)

    def check(value: Any) -> list[tuple[str | int, ...]]:
        try:
            adapter.validate_json(json.dumps(value))
        except ValidationError as error:
            return [each["loc"] for each in error.errors()]
        return []

    value = make_example(adapter.json_schema(), check)
    assert check(value) == []
    return value


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


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return types that hold others."""
    return st.one_of(
        inner.map(lambda each: list[each]),
        inner.map(lambda each: Annotated[list[each], Field(min_length=2, max_length=3)]),
        inner.map(lambda each: dict[str, each]),
        st.builds(lambda key, each: dict[key, each], st.sampled_from([int, UUID, date]), inner),
        st.builds(lambda a, b: tuple[a, b], inner, inner),
        inner.map(lambda each: tuple[each, ...]),
        inner.map(lambda each: Optional[each]),  # noqa: UP045  # None | None would be an error
        st.builds(lambda a, b: Optional[a | b], inner.filter(bool), st.sampled_from([int, str])),  # noqa: UP045  # as above
        hashable.map(lambda each: set[each]),
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


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(st.sampled_from(["one", "two_words", "größe"]), types, min_size=1))
def test_example_of_any_model_validates(fields: dict[str, Any]) -> None:
    model = make_model(fields)
    first, second = make_from_model(model), make_from_model(model)
    assert json.dumps(first) == json.dumps(second)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Annotated[int, Field(examples=[7], default=8)], 7),
        (Annotated[int, Field(default=8)], 8),
        (int, 1),
        (Annotated[int, Field(ge=5)], 5),
        (Annotated[int, Field(lt=-5)], -6),
        (Annotated[float, Field(gt=0, lt=1)], 0.5),
        (Annotated[Decimal, Field(multiple_of=Decimal("0.25"), gt=1)], 1.25),
        (str, "string"),
        (Annotated[str, StringConstraints(max_length=3)], "str"),
        (Annotated[str, StringConstraints(min_length=8)], "stringgg"),
        (Annotated[str, StringConstraints(pattern=r"^\d{2}:\d{2}$")], "11:11"),
        (Colour, "red"),
        (Literal["b", "a"], "b"),
        (datetime, "2025-01-31T12:00:00Z"),
        (Optional[int], 1),  # noqa: UP045  # a value of type Any, which the other form is not
        (list[int], [1]),
        (Annotated[set[int], Field(min_length=3)], [1, 2, 3]),
        (dict[str, bool], {"key": True}),
        (tuple[int, str], [1, "string"]),
    ],
)
def test_example_is_the_first_that_comes_to_mind(kind: Any, expected: Any) -> None:
    class Holder(BaseModel):
        value: kind

    assert make_from_model(Holder) == {"value": expected}


class Tree(BaseModel):
    """Holds itself, but need not."""

    name: str
    children: list["Tree"]
    parent: Optional["Tree"] = None


class Endless(BaseModel):
    """Holds itself, and must."""

    inner: "Endless"


def test_recursion_is_cut() -> None:
    assert make_from_model(Tree) == {"name": "string", "children": [], "parent": None}


def test_model_that_must_hold_itself_has_no_example() -> None:
    with pytest.raises(NoExample, match="no value of finite size"):
        make_from_model(Endless)


def test_many_models_that_refer_to_each_other_end() -> None:
    names = [f"M{number}" for number in range(30)]
    union = {"oneOf": [{"$ref": f"#/$defs/{name}"} for name in names]}
    definition = {"type": "object", "properties": {"a": union, "b": union}, "required": ["a", "b"]}
    schema = {"$ref": "#/$defs/M0", "$defs": dict.fromkeys(names, definition)}
    with pytest.raises(NoExample):
        make_example(schema, lambda value: [])


class Choosy(BaseModel):
    """Has wishes that stand in no schema."""

    model_config = ConfigDict(extra="forbid")

    code: str
    first: int | None = None
    second: int | None = 5

    @field_validator("code")
    @classmethod
    def check_code(cls, value: str) -> str:
        """Take one letter."""
        if not re.fullmatch("[A-Z]", value):
            raise ValueError("no")
        return value

    @model_validator(mode="after")
    def check_both(self) -> "Choosy":
        """Take one of the two."""
        if self.first is not None and self.second is not None:
            raise ValueError("one of them")
        return self


def test_other_values_are_tried_where_a_validator_complains() -> None:
    assert make_from_model(Choosy)["code"] == "A"


def test_a_model_that_takes_nothing_has_no_example() -> None:
    class Never(BaseModel):
        value: int

        @model_validator(mode="after")
        def refuse(self) -> "Never":
            raise ValueError("never")

    with pytest.raises(NoExample, match="takes none"):
        make_from_model(Never)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (True, None),
        ({}, None),
        ({"allOf": [{"$ref": "#/$defs/A"}], "description": "x"}, {"a": 1}),
        ({"type": ["string", "null"]}, "string"),
        ({"type": "object", "minProperties": 2}, {"key": None, "key1": None}),
        ({"type": "array", "prefixItems": [{"const": 1}, {"const": 2}], "minItems": 2}, [1, 2]),
        ({"patternProperties": {"^a+$": {"type": "integer"}}}, {"a": 1}),
        ({"type": "object", "additionalProperties": True}, {"key": None}),
        ({"enum": [3, 4], "default": 4}, 4),
    ],
)
def test_schemas_of_other_origin(schema: Any, expected: Any) -> None:
    definitions = {"A": {"type": "object", "properties": {"a": {"type": "integer"}}}}
    whole = {"$defs": definitions, **(schema if isinstance(schema, dict) else {})}
    assert make_example(whole, lambda value: []) == expected
