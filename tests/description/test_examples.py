"""Examples: of any model that Pydantic can describe, and always the same ones."""

import json
import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)

from chanx.description.examples import NoExample, make_example
from tests.description.strategies import Colour, make_model, types


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


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(["one", "two_words", "größe"]), types, min_size=1))
def test_example_of_any_model_validates(fields: dict[str, Any]) -> None:
    model = make_model(fields)
    first, second = make_from_model(model), make_from_model(model)
    assert json.dumps(first) == json.dumps(second)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Annotated[int, Field(examples=[7], json_schema_extra={"default": 8})], 7),
        (Annotated[int, Field(json_schema_extra={"default": 8})], 8),
        (int, 1),
        (Annotated[int, Field(ge=5)], 5),
        (Annotated[int, Field(lt=-5)], -6),
        (Annotated[float, Field(gt=0, lt=1)], 0.5),
        (Annotated[Decimal, Field(multiple_of=0.25, gt=1)], 1.25),
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
        (Annotated[frozenset[bool], Field(min_length=2)], [True, False]),
        (
            Annotated[set[tuple[bool, int, str]], Field(min_length=3)],
            [[True, 1, "string"], [False, 1, "string"], [True, 3, "string"]],
        ),
        (
            Annotated[
                dict[Annotated[str, Field(pattern=r"^k\d+$")], int],
                Field(min_length=3),
            ],
            {"k1": 1, "k11": 1, "k111": 1},
        ),
        (Annotated[set[Literal["b", "a"]], Field(min_length=2)], ["b", "a"]),
        (dict[str, bool], {"key": True}),
        (tuple[int, str], [1, "string"]),
    ],
)
def test_example_is_the_first_that_comes_to_mind(kind: Any, expected: Any) -> None:
    holder = create_model("Holder", value=(kind, ...))
    assert make_from_model(holder) == {"value": expected}


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


def test_schema_of_which_no_value_is_found_is_not_said_to_be_endless() -> None:
    schema = {"type": "array", "uniqueItems": True, "minItems": 3, "items": {"type": "boolean"}}
    with pytest.raises(NoExample, match="no value was found that the schema allows"):
        make_example(schema, lambda value: [])


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


XY = {"x": None, "y": None}
XY2 = ["x", "y"]
UUID = "5f0c4f8e-3d0a-4b6e-9d55-0a1b2c3d4e5f"


def unique(item: Any) -> dict[str, Any]:
    return {"type": "array", "items": item, "uniqueItems": True, "minItems": 2}


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
        ({"$ref": "#/$defs/B"}, {"a": 1}),
        ({"allOf": [{"$ref": "#/$defs/B"}, {"required": ["a"]}]}, {"a": 1}),
        ({"allOf": [{"$ref": "#/$defs/C"}], "anyOf": [{"const": 2}]}, 2),
        ({"type": "object", "minProperties": 2, "propertyNames": {"enum": ["x", "y"]}}, XY),
        ({"minProperties": 2, "patternProperties": {"^[ab]+$": {"const": 1}}}, {"a": 1, "aa": 1}),
        ({"type": "object", "maxProperties": 0, "additionalProperties": {}}, {}),
        ({"type": "object", "additionalProperties": False}, {}),
        (
            {"type": "array", "items": {"$ref": "#/$defs/D"}, "uniqueItems": True, "minItems": 2},
            XY2,
        ),
        (unique({"type": "string", "minLength": 3}), ["string", "aa0"]),
        (unique({"type": "string", "pattern": "^[a-c]+$"}), ["a", "aa"]),
        (unique({"type": "number", "multipleOf": 0.5}), [1, 1.5]),
        ({"format": "uuid", "type": "string", "maxLength": 36}, UUID),
        ({"type": "string", "pattern": "(?<=a)(", "minLength": 2}, "string"),
        ({"type": "string", "contentSchema": {"$ref": "#/$defs/A"}}, '{"a": 1}'),
        ({"minimum": 3, "maximum": 4}, 3),
        ({"prefixItems": [{"const": 1}]}, [1]),
    ],
)
def test_schemas_of_other_origin(schema: Any, expected: Any) -> None:
    definitions = {
        "A": {"type": "object", "properties": {"a": {"type": "integer"}}},
        "B": {"$ref": "#/$defs/A"},
        "C": {},
        "D": {"enum": ["x", "y"]},
    }
    whole = {"$defs": definitions, **(schema if isinstance(schema, dict) else {})}
    assert make_example(whole, lambda value: []) == expected


DEEP: dict[str, Any] = {"type": "string"}
for _ in range(80):
    DEEP = {"type": "object", "properties": {"a": DEEP}, "required": ["a"]}


@pytest.mark.parametrize(
    "schema",
    [
        {"not": {}, "type": "object", "properties": {"a": False}, "required": ["a"]},
        unique({"enum": ["x"]}),
        {**unique({"type": "boolean"}), "minItems": 3},
        unique({"type": "string", "maxLength": 0}),
        {"type": "array", "minItems": 5000},
        {"type": "object", "minProperties": 2, "propertyNames": {"enum": ["x"]}},
        {"type": "object", "minProperties": 2, "propertyNames": {"format": "uuid"}},
        {"type": "object", "minProperties": 1, "additionalProperties": False},
        {"type": "object", "minProperties": 2, "patternProperties": {"(": {}}},
        {"type": "integer", "minimum": 2, "maximum": 1},
        {"type": "string", "minLength": 100_000},
        {"$ref": "#/$defs/Nowhere"},
        {"type": "mystery"},
        DEEP,
    ],
)
def test_schemas_without_an_example_end(schema: Any) -> None:
    with pytest.raises(NoExample):
        make_example(schema, lambda value: [])


def test_lists_of_many_that_refer_to_each_other_are_empty() -> None:
    names = [f"M{number}" for number in range(30)]
    lists = {name: {"type": "array", "items": {"$ref": f"#/$defs/{name}"}} for name in names}
    definition = {"type": "object", "properties": lists, "required": names}
    schema = {"$ref": "#/$defs/M0", "$defs": dict.fromkeys(names, definition)}
    assert make_example(schema, lambda _: []) == {name: [] for name in names}
