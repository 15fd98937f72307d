"""What is said of values that are wrong: in plain words, and only where the server refuses them."""

import json
from datetime import date, datetime, time, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

pytestmark = [pytest.mark.browser]


def find(page: Any, schema: Any, value: Any) -> list[tuple[str, str]]:
    """Return what is said, with the path as text."""
    said = page.evaluate("([schema, text]) => api.find(schema, text)", [schema, json.dumps(value)])
    return [(".".join(map(str, each["path"])), each["text"]) for each in said]


class Circle(BaseModel):
    """One kind of shape."""

    kind: Literal["circle"]
    radius: Annotated[float, Field(gt=0)]


class Square(BaseModel):
    """Another kind."""

    kind: Literal["square", "box"]
    side: int


class Closed(BaseModel):
    """Takes no other fields."""

    model_config = ConfigDict(extra="forbid")
    name: str
    inner: "Closed | None" = None


Positive: Any = Annotated[int, Field(ge=1)]
Shape = Annotated[Circle | Square, Field(discriminator="kind")]

WRONG: list[tuple[Any, Any, list[tuple[str, str]]]] = [
    (str, 5, [("", "must be text")]),
    (int, "x", [("", "must be a whole number")]),
    (int, 1.5, [("", "must be a whole number")]),
    (bool, None, [("", "must be true or false")]),
    (int | None, "x", [("", "must be a whole number or null")]),
    (Annotated[int, Field(ge=1, le=9)], 0, [("", "must be at least 1")]),
    (Annotated[int, Field(ge=1, le=9)], 10, [("", "must be at most 9")]),
    (Positive | None, 0, [("", "must be at least 1")]),
    (Annotated[float, Field(gt=1, lt=2)], 1, [("", "must be more than 1")]),
    (Annotated[float, Field(gt=1, lt=2)], 2, [("", "must be less than 2")]),
    (Annotated[int, Field(multiple_of=3)], 4, [("", "must be a multiple of 3")]),
    (Annotated[str, Field(min_length=1)], "", [("", "must not be empty")]),
    (Annotated[str, Field(min_length=2)], "a", [("", "must have at least 2 characters")]),
    (Annotated[str, Field(max_length=1)], "ab", [("", "must have at most 1 character")]),
    (Annotated[str, Field(pattern="^a+$")], "b", [("", "must match the pattern ^a+$")]),
    (Annotated[list[int], Field(min_length=1)], [], [("", "must have at least 1 item")]),
    (Annotated[list[int], Field(max_length=1)], [1, 2], [("", "must have at most 1 item")]),
    (tuple[int, str], [1], [("", "must have at least 2 items")]),
    (tuple[int, str], [1, 2], [("1", "must be text")]),
    (tuple[int, str], [1, "a", 3], [("", "must have at most 2 items")]),
    (list[int], [1, "x", None], [("1", "must be a whole number"), ("2", "must be a whole number")]),
    (dict[str, int], {"a.b": "x"}, [("a.b", "must be a whole number")]),
    (Literal["a"], "b", [("", 'must be "a"')]),
    (Literal["a", 1], "b", [("", 'must be one of "a" or 1')]),
    (datetime, "tomorrow", [("", "must be a date and time, like 2025-01-31T12:00:00Z")]),
    (Shape, {"kind": "circle", "radius": 0}, [("radius", "must be more than 0")]),
    (Shape, {"kind": "box"}, [("side", "is missing")]),
    (Shape, {"radius": 1}, [("kind", 'is missing: must be one of "circle", "square" or "box"')]),
    (Shape, {"kind": "x"}, [("kind", 'must be one of "circle", "square" or "box"')]),
    (Shape, 1, [("", "must be an object")]),
    (Circle | Square, {"kind": "square", "side": "x"}, [("side", "must be a whole number")]),
    (Circle | Square | None, [], [("", "must be an object or null")]),
    (int | list[int], ["x"], [("0", "must be a whole number")]),
    (Closed, {"nam": 1}, [("name", "is missing"), ("nam", "is not a known field")]),
    (Closed, {"name": "a", "inner": {"name": 1}}, [("inner.name", "must be text")]),
    (Closed, {"name": "a", "__proto__": 1}, [("__proto__", "is not a known field")]),
]


@pytest.mark.parametrize(("kind", "value", "said"), WRONG)
def test_problems_are_said_in_plain_words(form_page: Any, kind: Any, value: Any, said: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    with pytest.raises(ValidationError):
        adapter.validate_json(json.dumps(value))
    assert find(form_page, adapter.json_schema(), value) == said


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        ({"required": ["constructor", "__proto__"]}, {}, ["is missing", "is missing"]),
        ({"properties": {"toString": {"type": "string"}}}, {}, []),
        ({"not": {"type": "string"}}, "a", ["must not be this"]),
        ({"if": {"const": 1}, "then": False, "else": {"const": 2}}, 3, ["must be 2"]),
        ({"propertyNames": {"maxLength": 1}}, {"ab": 1}, ["its key must have at most 1 character"]),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, ["is missing: it goes with a"]),
        ({"allOf": [{"minimum": 2}, {"minimum": 2}]}, 1, ["must be at least 2"]),
        ({"$ref": "#/$defs/A B~ü"}, 1, ["must be text"]),
        ({"$ref": "#/$defs/Loop"}, 1, []),
        ({"anyOf": [{"$ref": "#/$defs/Ring"}]}, 1, []),
        (
            {"enum": list(range(20))},
            99,
            [f"must be one of {', '.join(map(str, range(12)))} and 8 more"],
        ),
        ({"$ref": "https://example.com/other.json"}, 1, []),
        (True, 1, []),
    ],
)
def test_schemas_that_people_write_are_checked_too(
    form_page: Any, schema: Any, value: Any, said: list[str]
) -> None:
    definitions = {
        "A B~ü": {"type": "string"},
        "Loop": {"$ref": "#/$defs/Loop"},
        "Ring": {"anyOf": [{"$ref": "#/$defs/Ring"}]},
    }
    whole = {"allOf": [schema], "$defs": definitions}
    assert [text for _, text in find(form_page, whole, value)] == said


TAKEN: list[tuple[Any, list[str]]] = [
    (
        datetime,
        [
            "2025-01-31T12:00",
            "2025-01-31 12:00:00.5",
            "2025-01-31t12:00z",
            "2025-01-31T12:00:00+0100",
            "2025-01-31_12:00:00-01:00",
            "2025-01-31",
            "1700000000",
            "1700000000.5",
        ],
    ),
    (date, ["2025-01-31", "2025-01-31T00:00:00", "0"]),
    (time, ["12:00", "12:00:00.123456", "12:00:00Z", "12:00:00+01:00"]),
    (timedelta, ["P1D", "-P1DT2H", "PT1.5S", "P1W", "1 days 00:00:10", "1d", "-00:00:01"]),
    (UUID, ["5f0c4f8e3d0a4b6e9d550a1b2c3d4e5f", "urn:uuid:5f0c4f8e-3d0a-4b6e-9d55-0a1b2c3d4e5f"]),
    (AnyUrl, ["https://exämple.com/a b", "http://localhost:1"]),
    (IPv4Address, ["127.0.0.1"]),
    (IPv6Address, ["::1", "fe80::1%eth0", "::ffff:127.0.0.1"]),
    (Annotated[str, Field(pattern=r"^\w+\s\d$")], ["größe 1", "a\u2003٣"]),
    (Annotated[str, Field(pattern=r"(?i)^ab$")], ["AB"]),
    (Annotated[str, Field(pattern=r"^(?P<name>a)\z")], ["a"]),
]


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in TAKEN for text in texts]
)
def test_what_the_server_takes_is_not_called_wrong(form_page: Any, kind: Any, text: str) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    adapter.validate_json(json.dumps(text))
    assert find(form_page, adapter.json_schema(), text) == []


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (set[str], ["a", "a"]),
        (Annotated[int, Field(gt=2**53)], 2**53 + 1),
        (Annotated[int, Field(multiple_of=3)], 3 * (2**53 + 1)),
        (int | str, 2**70),
        (int, 1.0),
    ],
)
def test_no_value_is_refused_for_what_json_schema_cannot_say(
    form_page: Any, kind: Any, value: Any
) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    adapter.validate_json(json.dumps(value))
    assert find(form_page, adapter.json_schema(), value) == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (datetime, "2025-13-01T12:00:00Z"),
        (date, "2025-02-30"),
        (time, "25:00"),
        (timedelta, "P"),
        (UUID, "5f0c"),
        (AnyUrl, "example"),
        (IPv4Address, "1.2.3"),
        (IPv6Address, "x"),
    ],
)
def test_texts_that_no_format_takes_are_wrong(form_page: Any, kind: Any, text: str) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    with pytest.raises(ValidationError):
        adapter.validate_json(json.dumps(text))
    assert len(find(form_page, adapter.json_schema(), text)) == 1


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(\w+)+!$",
        "^(a|aa)+!$",
        "^(aa?)*!$",
        "^((?:a*)b?)+!$",
        "^(?:a+){1,99}!$",
        r"^(?:-?a+)+!$",
        r"^(?:\w+_)*(\w+_?)+!$",
    ],
)
def test_patterns_that_could_take_for_ever_are_left_to_the_server(
    form_page: Any, pattern: str
) -> None:
    assert find(form_page, {"pattern": pattern}, "a" * 80) == []


@pytest.mark.parametrize(
    ("pattern", "right", "wrong"),
    [
        ("^[a-z0-9]+(?:-[a-z0-9]+)*$", "a-b-c", "a--b"),
        (r"^(\d{1,3}\.){3}\d{1,3}$", "127.0.0.1", "127.0.1"),
        ("^([0-9a-f]{2}:){5}[0-9a-f]{2}$", "00:11:22:33:44:ff", "00:11"),
        (r"^(?:\w+\.)+(com|org)$", "a.b.org", "a..org"),
        ("^(a|b)?[(+|*)]+$", "a(+", "c("),
    ],
)
def test_usual_patterns_are_checked(form_page: Any, pattern: str, right: str, wrong: str) -> None:
    assert find(form_page, {"pattern": pattern}, right) == []
    said = find(form_page, {"pattern": pattern}, wrong + "-" * 60)
    assert said == [("", f"must match the pattern {pattern}")]
