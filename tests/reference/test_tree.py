"""Schemas as rows."""

from collections.abc import Iterable
from enum import Enum
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.json_schema import models_json_schema

from chanx.description.schemas import make_schemas
from chanx.engine.aliases import KeyNames
from chanx.messages.base import BaseMessage
from chanx.reference.facts import get_facts, name_type
from chanx.reference.tree import Row, Trees
from tests.description.site import Drawing
from tests.description.site import Node as SiteNode


def define(model: type[BaseModel]) -> dict[str, Any]:
    _, found = models_json_schema([(model, "validation")])
    return {**found["$defs"]}


def make(model: type[BaseModel], **options: Any) -> dict[str, Row]:
    return index(Trees(define(model), **options).make(model.__name__))


def index(rows: Iterable[Row]) -> dict[str, Row]:
    return {row.name: row for row in rows}


def say(row: Row) -> list[str]:
    return [" ".join([fact.label, *fact.values]).strip() for fact in row.facts]


def count(rows: Iterable[Row]) -> int:
    return sum(1 + count(row.children) for row in rows)


class Level(Enum):
    """How loud."""

    LOW = 1
    HIGH = 2


class Point(BaseModel):
    """A place."""

    model_config = ConfigDict(extra="forbid")

    x: int
    y: int = 0


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tail: Point


class Everything(BaseModel):
    text: Annotated[str, Field(min_length=1, max_length=5, pattern="^a", description="A `text`.")]
    exact: Annotated[str, Field(min_length=3, max_length=3)] = "abc"
    number: Annotated[int, Field(ge=0, lt=9, multiple_of=3)] = 0
    level: Level = Level.LOW
    word: Literal["a", "b"] = "a"
    fixed: Literal["f"] = "f"
    point: Point
    maybe: Point | None = None
    points: list[Point] = []
    grid: dict[str, Point] = {}
    lists: list[list[Point]] = []
    names: dict[str, int] = {}
    pair: tuple[int, str] = (1, "a")
    corners: tuple[Point, int] = (Point(x=1), 1)
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    either: int | str | None = None
    anything: Any = None
    old: Annotated[int, Field(deprecated=True, examples=[7])] = 1


def test_types_are_named() -> None:
    rows = make(Everything)
    assert {name: row.type for name, row in rows.items()} == {
        "text": "string",
        "exact": "string",
        "number": "integer",
        "level": "integer",
        "word": "string",
        "fixed": '"f"',
        "point": "Point",
        "maybe": "Point or null",
        "points": "array of Point",
        "grid": "map of Point",
        "lists": "array of array of Point",
        "names": "map of integer",
        "pair": "array [integer, string]",
        "corners": "array [Point, integer]",
        "pet": "Cat or Dog",
        "either": "integer or string or null",
        "anything": "anything",
        "old": "integer",
    }


def test_bounds_are_said_in_words() -> None:
    rows = make(Everything)
    assert say(rows["text"]) == ["1 to 5 characters", "matches ^a"]
    assert say(rows["exact"]) == ["exactly 3 characters", 'default "abc"']
    assert say(rows["number"]) == ["at least 0", "less than 9", "a multiple of 3", "default 0"]
    assert say(rows["level"]) == ["one of 1 2", "default 1"]
    assert say(rows["word"]) == ['one of "a" "b"', 'default "a"']
    assert say(rows["fixed"]) == []
    assert say(rows["point"]) == ["no other fields"]
    assert say(rows["pair"]) == ["exactly 2 items", 'default [1, "a"]']
    assert say(rows["old"]) == ["default 1", "for example 7"]
    assert rows["old"].is_deprecated
    assert rows["text"].description[0].lines[0][1].is_code


class Bounded(BaseModel):
    price: Annotated[float, Field(ge=0)] | Annotated[str, Field(pattern="^x")] | None
    counts: list[Annotated[int, Field(ge=1, le=9)]]
    grid: dict[str, list[Annotated[int, Field(lt=3)]]]
    levels: list[Level] | None
    point: Point | Annotated[int, Field(ge=0)]


def test_bounds_of_parts_that_have_no_row_are_said() -> None:
    rows = make(Bounded)
    assert say(rows["price"]) == ["number: at least 0", "string: matches ^x"]
    assert say(rows["counts"]) == ["each item: at least 1", "each item: at most 9"]
    assert say(rows["grid"]) == ["each key: each item: less than 3"]
    assert say(rows["levels"]) == ["each item: one of 1 2"]
    assert say(rows["point"]) == []
    assert say(rows["point"].children[1]) == ["at least 0"]


def test_presence_is_said_as_the_reader_needs_it() -> None:
    trees = Trees(define(Everything))
    written = index(trees.make("Everything"))
    read = index(trees.make("Everything", is_received=True))
    assert (written["text"].presence, written["old"].presence) == ("required", "")
    assert (read["text"].presence, read["old"].presence) == ("", "not always there")


def test_references_unfold() -> None:
    rows = make(Everything)
    for name, label in [
        ("point", "2 fields"),
        ("maybe", "2 fields"),
        ("points", "2 fields of each item"),
        ("grid", "2 fields of each key"),
    ]:
        if rows[name].children[0].name in ("each item", "each key"):
            [inner] = rows[name].children
            assert [each.name for each in inner.children] == ["x", "y"]
        else:
            assert rows[name].label == label
            assert [each.name for each in rows[name].children] == ["x", "y"]
    assert rows["names"].children == ()
    assert [each.name for each in rows["corners"].children] == ["[0]", "[1]"]
    assert [each.name for each in rows["pet"].children] == ["kind: cat", "kind: dog"]
    assert rows["pet"].label == "One of 2 kinds"
    [tail] = [each for each in rows["pet"].children[1].children if each.name == "tail"]
    assert [each.name for each in tail.children] == ["x", "y"]


def test_schema_that_refers_to_itself_ends_in_a_link() -> None:
    trees = Trees(define(SiteNode))
    rows = index(trees.make("Node"))
    assert rows["children"].link == rows["parent"].link == "schema-Node"
    assert rows["children"].is_recursive
    assert rows["children"].children == ()
    assert list(trees.linked) == ["Node"]


def test_schemas_that_refer_to_each_other_end() -> None:
    definitions: dict[str, Any] = {
        "A": {"properties": {"b": {"$ref": "#/$defs/B"}}},
        "B": {"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/C"}]},
        "C": {"allOf": [{"$ref": "#/$defs/C"}]},
        "D": {"$ref": "#/$defs/D"},
        "E": {"items": {"$ref": "#/$defs/E"}, "type": "array"},
    }
    trees = Trees(definitions)
    for name in definitions:
        assert count(trees.make(name)) < 10


def test_depth_is_bounded() -> None:
    model: Any = int
    for number in range(40):
        model = create_model(f"Level{number}", inner=(model, ...))
    trees = Trees(define(model))
    assert count(trees.make("Level39")) == 7
    assert list(trees.linked) == ["Level32"]
    nested: Any = {"type": "string"}
    for _ in range(200):
        nested = {"type": "object", "properties": {"inner": nested}}
    assert count(Trees({"Deep": nested}).make("Deep")) < 20


def test_unions_of_fifty_are_links() -> None:
    kinds: Any = tuple(create_model(f"Kind{each}", value=(int, ...)) for each in range(50))
    model = create_model("Many", kind=(reduce(or_, kinds), ...), other=(Point, ...))
    trees = Trees(define(model))
    rows = index(trees.make("Many"))
    assert rows["kind"].type == "one of 50 kinds"
    assert len(rows["kind"].children) == 50
    assert all(each.link and not each.children for each in rows["kind"].children)
    assert len(trees.linked) == 50
    assert [each.name for each in rows["other"].children] == ["x", "y"]


def test_size_is_bounded() -> None:
    fields: dict[str, Any] = {f"field_{each}": (Point, ...) for each in range(200)}
    trees = Trees(define(create_model("Wide", **fields)), size=100)
    assert count(trees.make("Wide")) <= 300
    assert list(trees.linked) == ["Point"]


@pytest.mark.parametrize(
    "schema",
    [
        True,
        False,
        {},
        None,
        {"type": ["string", "null"]},
        {"enum": []},
        {"enum": None},
        {"enum": [()]},
        {"properties": {"x": {}}, "required": None},
        {"oneOf": [{"properties": {"x": {}}}, {"type": "string"}], "discriminator": None},
        {"anyOf": [{"type": "array", "items": {"type": "array", "items": {}}}, {"type": "string"}]},
        {"items": {"anyOf": None}},
    ],
)
def test_strange_schemas_have_a_row(schema: Any) -> None:
    [row] = Trees({"It": {"type": "object", "properties": {"it": schema}}}).make("It")
    assert row.name == "it"
    assert row.type


def test_what_is_no_object_is_a_row_itself() -> None:
    [row] = Trees({"It": {"title": "Text", "type": "string", "maxLength": 3}}).make("It")
    assert (row.name, row.type, say(row)) == ("Text", "string", ["at most 3 characters"])


def test_unknown_reference_is_named() -> None:
    [row] = Trees({"It": {"properties": {"a": {"$ref": "#/$defs/None"}}}}).make("It")
    assert row.type == "None"


def test_names_of_types() -> None:
    definitions = define(Drawing)
    for schema, text in [
        ({"type": "string", "format": "date-time"}, "string (date-time)"),
        ({"anyOf": [{"type": "null"}]}, "null"),
        ({"allOf": [{"$ref": "#/$defs/Circle"}, {"$ref": "#/$defs/Square"}]}, "Circle and Square"),
        ({"enum": [1, "a"]}, "integer or string"),
        ({"const": None}, "null"),
        ({"type": "array"}, "array"),
        ({"type": "object"}, "object"),
        ({"$ref": "#/$defs/Colour"}, "string"),
    ]:
        assert name_type(schema, definitions) == text


def test_long_enums_are_cut() -> None:
    [fact] = get_facts({"enum": list(range(100))})
    assert len(fact.values) == 41
    assert fact.values[-1] == "and 60 more"


def test_lists_of_many_that_refer_to_each_other_end() -> None:
    names = [f"A{number}" for number in range(30)]
    options = [{"type": "array", "items": {"$ref": f"#/$defs/{name}"}} for name in names]
    definitions: dict[str, Any] = {name: {"anyOf": options} for name in names}
    rows = Trees(definitions).make("A0")
    assert [row.type for row in rows] == ["one of 30 kinds"]


def test_tag_of_a_union_is_required_where_it_tells_the_branches_apart() -> None:
    class Written(BaseMessage):
        action: Literal["written"] = "written"
        payload: Drawing

    found = make_schemas([(Written, "validation")], KeyNames("action", camelize=False))
    rows = index(Trees(found.definitions).make("Written"))
    shapes = index(rows["payload"].children)["shape"].children
    for shape in shapes:
        assert index(shape.children)["kind"].presence == "required"
    (alone,) = [row for row in Trees(found.definitions).make("Circle") if row.name == "kind"]
    assert alone.presence == ""
