"""Values go through a form as they are, and what Pydantic takes is not called wrong."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError, create_model

from chanx.description.data import make_data
from chanx.description.endpoints import describe
from chanx.description.examples import NoExample, make_example
from tests.description.site import application
from tests.description.strategies import types

pytestmark = [pytest.mark.browser]

# One page for all examples: they only call functions in it.
many = settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def pass_through(page: Any, schema: Any, text: str) -> Any:
    return page.evaluate("([schema, text]) => api.pass(schema, text)", [schema, text])


def normal(value: Any) -> str:
    """Return the value as text, which tells 1.0 from 1, with keys in no order.

    JavaScript puts keys that are numbers first, whatever their order was.
    """
    return json.dumps(value, sort_keys=True)


def get_messages() -> list[Any]:
    data = make_data(describe(application))
    return [
        pytest.param(data["definitions"], message["schema"], each["content"], id=message["name"])
        for endpoint in data["endpoints"][:1]
        for message in [*endpoint["incoming"], *endpoint["outgoing"]]
        for each in message["examples"]
    ]


@pytest.mark.parametrize(("definitions", "name", "content"), get_messages())
def test_examples_of_messages_come_out_as_they_went_in(
    form_page: Any, definitions: Any, name: str, content: Any
) -> None:
    text = json.dumps(content)
    schema = {"$ref": f"#/$defs/{name}", "$defs": definitions}
    passed = pass_through(form_page, schema, text)
    assert json.loads(passed["text"]) == content
    assert list(json.loads(passed["text"])) == list(content)
    assert passed["problems"] == passed["own"] == []
    assert form_page.evaluate("(all) => api.validate(...all)", [name, definitions, text]) == []


@many
@given(kind=types)
def test_what_pydantic_takes_is_shown_unchanged_and_not_called_wrong(
    form_page: Any, kind: Any
) -> None:
    model: type[BaseModel] = create_model("Made", field=(kind, ...))
    adapter = TypeAdapter(model)
    schema = adapter.json_schema()

    def find_errors(value: Any) -> list[Any]:
        try:
            adapter.validate_json(json.dumps(value))
        except ValidationError as error:
            return [each["loc"] for each in error.errors()]
        return []

    try:
        value = make_example(schema, find_errors)
    except NoExample:
        return
    passed = pass_through(form_page, schema, json.dumps(value))
    assert json.loads(passed["text"]) == value
    assert passed["problems"] == passed["own"] == []


texts = st.text(st.characters(codec="utf-8"), max_size=8)
names = st.sampled_from(["a", "b", "__proto__", "constructor", "toString", "", "a.b", "0", "ä b"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | texts, inner, max_size=3),
    max_leaves=8,
)
leaves = st.sampled_from(
    [
        {},
        {"type": "string"},
        {"type": "string", "maxLength": 500},
        {"type": "integer"},
        {"type": "number", "minimum": 3},
        {"type": "boolean"},
        {"type": "null"},
        {"enum": ["a", 1, None]},
        {"const": "a"},
        {"$ref": "#/$defs/Loop"},
        {"$ref": "#/$defs/Self"},
        {"$ref": "#/$defs/Absent"},
    ]
)
schemas = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(lambda a, b: {"type": "array", "prefixItems": [a, b]}, inner, inner),
        st.builds(lambda each: {"anyOf": [each, {"type": "null"}]}, inner),
        st.builds(lambda a, b: {"oneOf": [a, b]}, inner, inner),
        st.builds(lambda each: {"allOf": [each], "description": "Said."}, inner),
        st.builds(lambda each: {"type": "object", "additionalProperties": each}, inner),
        st.builds(
            lambda each, needed: {"type": "object", "properties": each, "required": needed},
            st.dictionaries(names, inner, max_size=3),
            st.lists(names, max_size=2, unique=True),
        ),
    ),
    max_leaves=6,
)
DEFINITIONS = {
    "Loop": {"$ref": "#/$defs/Loop"},
    "Self": {
        "type": "object",
        "properties": {"a": {"anyOf": [{"$ref": "#/$defs/Self"}, {"type": "null"}]}},
        "required": ["b"],
    },
}


@many
@given(schema=schemas, value=values)
@example(schema={"type": "object"}, value={"__proto__": {"constructor": 1}})
@example(schema={"properties": {"__proto__": {"type": "string"}}}, value={"__proto__": "x"})
@example(schema={"type": "object"}, value={"a\r": None, "a\n": 1, "a": 2})
@example(schema={"type": "string"}, value="a\r\nb")
@example(schema={"type": "integer"}, value="5")
@example(schema={"anyOf": [{"type": "number"}, {"type": "string"}]}, value="5")
def test_no_form_changes_a_value_right_or_wrong(form_page: Any, schema: Any, value: Any) -> None:
    text = json.dumps(value)
    passed = pass_through(form_page, {**schema, "$defs": DEFINITIONS}, text)
    # Whole floats keep their point, large numbers their digits.
    assert normal(json.loads(passed["text"])) == normal(value)
    assert passed["own"] == []


@pytest.mark.parametrize(
    "number",
    ["9007199254740993", "1.0", "1e5", "-0", "0.10", "1E400", "123456789012345678901234567890"],
)
def test_numbers_stay_as_they_are_written(form_page: Any, number: str) -> None:
    schema = {"properties": {"n": {"type": "number"}, "any": {}}}
    text = f'{{"n":{number},"any":[{number}]}}'
    assert pass_through(form_page, schema, text) == {"text": text, "problems": [], "own": []}
    assert form_page.evaluate("(text) => api.rewrite(text)", text) == text
    form_page.evaluate("(all) => api.show(...all)", [json.dumps(schema), text])
    assert form_page.get_by_label("n", exact=True).input_value() == number
    form_page.get_by_label("n", exact=True).fill(f" {number} ")
    assert form_page.evaluate("api.text()") == text


@many
@given(value=values, indent=st.sampled_from([0, 2]))
def test_json_is_read_and_written_as_python_does(form_page: Any, value: Any, indent: int) -> None:
    text = json.dumps(value)
    written = form_page.evaluate("(all) => api.rewrite(...all)", [text, indent])
    assert normal(json.loads(written)) == normal(value)


@many
@given(text=st.text(st.sampled_from('{}[]",:.-+eE01truefalsn \\u\n\t/'), max_size=12))
def test_json_is_refused_where_javascript_refuses_it(form_page: Any, text: str) -> None:
    read = form_page.evaluate("(text) => api.parse(text)", text)
    native = "(text) => { try { JSON.parse(text); return true } catch { return false } }"
    assert ("value" in read) is form_page.evaluate(native, text)


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("", 1, 1, "There is no JSON yet"),
        ('{"a": 1', 1, 8, "a comma or } is expected, but the text ends here"),
        ('{"a": 1,\n}', 2, 1, "no comma"),
        ("{'a': 1}", 1, 2, "a key in double quotes"),
        ("[1\n 2]", 2, 2, "a comma or ]"),
        ('["a\nb"]', 1, 4, "a line break is written"),
        (r'["\x"]', 1, 3, "escape"),
        ("[01]", 1, 3, "comma"),
        ("['a']", 1, 2, "double quotes"),
        ("1 2", 1, 3, "follow"),
        ("[" * 100_000, 1, None, "nested too deeply"),
    ],
)
def test_wrong_json_is_said_with_its_place(
    form_page: Any, text: str, line: int, column: int | None, said: str
) -> None:
    problem = form_page.evaluate("(text) => api.parse(text)", text)["problem"]
    assert said in problem["text"]
    assert problem["line"] == line
    assert column is None or problem["column"] == column
