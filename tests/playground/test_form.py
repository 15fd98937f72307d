"""The form made of a schema, as somebody fills it in."""

import json
from typing import Any

import pytest

from tests.browser import find_barriers
from tests.playground.form_page.order import LEAST, MOST, SCHEMA

pytestmark = [pytest.mark.browser]


class Form:
    """A form on a page."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def show(self, value: Any, schema: Any = None) -> None:
        """Show a value in the form of a schema: that of an order."""
        self.page.evaluate(
            "(all) => api.show(...all)",
            [json.dumps(SCHEMA if schema is None else schema), json.dumps(value)],
        )

    @property
    def value(self) -> Any:
        """What the form holds now."""
        return json.loads(self.page.evaluate("api.text()"))

    @property
    def own_problems(self) -> list[str]:
        """What the form says of itself."""
        return [each["text"] for each in self.page.evaluate("api.form.problems")]

    @property
    def focused(self) -> str:
        """The name of what has the focus, as it is read."""
        name: str = self.page.evaluate(
            "(({activeElement: it}) => it.getAttribute('aria-label') "
            "?? it.labels?.[0]?.textContent ?? it.textContent)(document)"
        )
        return name.strip()

    def field(self, name: str) -> Any:
        """Find a control by its whole name."""
        return self.page.get_by_label(name, exact=True)

    def press(self, name: str) -> None:
        """Use a button without a mouse."""
        self.page.get_by_role("button", name=name, exact=True).first.focus()
        self.page.keyboard.press("Enter")


@pytest.fixture
def form(form_page: Any) -> Form:
    """The form, with as little in it as an order can have."""
    form = Form(form_page)
    form.show(LEAST)
    return form


def test_each_kind_of_field_changes_the_value(form: Form) -> None:
    form.show(MOST)
    assert form.value == MOST
    form.field("name").fill("Bob")
    form.field("text").fill("One\nTwo")
    form.field("total").fill("2")
    form.field("is_gift").uncheck()
    form.field("colour").select_option("red")
    form.field("at").fill("2026-01-01")
    form.field("number").fill("9")
    form.field("tag 2").fill("B")
    form.field("sku").fill("A-2")
    form.field("place item 1").fill("-1")
    form.field("vip").fill("7")
    form.field("code").fill("A2")
    form.field("anything").fill("[1.0]")
    assert form.value == {
        **MOST,
        "name": "Bob",
        "text": "One\nTwo",
        "total": 2,
        "is_gift": False,
        "colour": "red",
        "at": "2026-01-01",
        "payment": {"kind": "card", "number": "9"},
        "tags": ["a", "B", "c"],
        "lines": [{"sku": "A-2", "count": 2}],
        "place": [-1, "x"],
        "labels": {"vip": 7},
        "code": "A2",
        "anything": [1.0],
    }


def test_what_is_not_sent_is_not_there_until_it_is_added(form: Form) -> None:
    assert form.value == LEAST
    form.press("Add is_gift")
    assert form.focused == "is_gift"
    assert form.value == {**LEAST, "is_gift": False}
    form.press("Remove is_gift")
    assert form.focused == "Add is_gift"
    assert form.value == LEAST
    # What is required has no button that takes it away.
    assert form.page.get_by_role("button", name="Remove name").count() == 0
    assert "required" in form.field("name").locator("xpath=ancestor::div[1]").text_content()


def test_null_is_another_thing_than_nothing(form: Form) -> None:
    form.press("Add at")
    assert "at" in form.value
    form.field("at").fill("2025-01-31")
    form.field("Send null for at").check()
    assert form.value == {**LEAST, "at": None}
    form.field("Send null for at").uncheck()
    assert form.value == {**LEAST, "at": "2025-01-31"}
    form.press("Remove at")
    assert form.value == LEAST


def test_items_are_added_and_removed_with_the_keyboard(form: Form) -> None:
    form.press("Add tags")
    for letter in "abc":
        form.press("Add tag")
        form.page.keyboard.type(letter)
    assert form.value["tags"] == ["a", "b", "c"]
    form.press("Remove tag 2")
    assert form.value["tags"] == ["a", "c"]
    assert form.focused == "Remove tag 2"
    form.page.keyboard.press("Enter")
    assert form.focused == "Remove tag 1"
    form.page.keyboard.press("Enter")
    assert form.focused == "Add tag"
    assert form.value["tags"] == []


def test_a_map_has_keys_of_ones_own(form: Form) -> None:
    form.press("Add labels")
    form.press("Add a key to labels")
    assert form.focused == "Key"
    form.page.keyboard.type("__proto__")
    form.page.keyboard.press("Tab")
    form.page.keyboard.press("Tab")
    assert form.focused == "__proto__"
    form.page.keyboard.type("5")
    assert form.value["labels"]["__proto__"] in (5, 50)
    form.press("Add a key to labels")
    form.page.keyboard.type("__proto__")
    assert "stands there already" in form.own_problems[0]
    assert len(form.value["labels"]) == 1
    form.page.keyboard.type("x")
    assert form.own_problems == []
    assert list(form.value["labels"]) == ["__proto__", "__proto__x"]
    form.press("Remove __proto__")
    assert list(form.value["labels"]) == ["__proto__x"]
    assert form.focused == "Key"


def test_a_union_keeps_what_was_typed_in_each_branch(form: Form) -> None:
    choice = form.field("Kind of payment")
    choice.select_option("cash")
    assert form.value["payment"] == {"kind": "cash"}
    form.press("Add change")
    form.field("change").fill("5")
    choice.select_option("card")
    assert form.value["payment"] == {"kind": "card", "number": "1234"}
    choice.select_option("cash")
    assert form.value["payment"] == {"kind": "cash", "change": 5}


def test_what_names_the_branch_of_a_union_stays(form: Form) -> None:
    form.show({**LEAST, "payment": {"kind": "cash"}})
    assert form.page.get_by_role("button", name="Remove kind").count() == 0
    form.show({**LEAST, "payment": {"number": "1"}})
    form.press("Add kind required")
    assert form.value["payment"] == {"number": "1", "kind": "card"}
    # A constant says nothing by itself, as live regions do.
    assert form.page.locator("output").count() == 0


def test_large_numbers_of_a_schema_are_those_that_are_sent(form: Form) -> None:
    large = 2**63 - 1
    schema = {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 1, "maximum": large, "default": large},
            "e": {"enum": [large - 1, large]},
        },
    }
    form.show({}, schema)
    form.press("Add n")
    form.press("Add e")
    assert form.value == {"n": large, "e": large - 1}
    assert form.page.get_by_text(f"1 to {large}").count() == 1
    form.field("n").fill("0")
    assert form.page.get_by_text("Must be at least 1").count() == 1
    form.field("n").fill(str(2**64))
    assert form.page.get_by_text(f"Must be at most {large}").count() == 1


def test_code_in_a_description_is_code(form: Form) -> None:
    form.show({"x": ""}, {"properties": {"x": {"type": "string", "description": "As `y` is."}}})
    assert form.page.get_by_text("As y is.").locator("code").inner_text() == "y"


def test_a_schema_that_holds_itself_is_opened_step_by_step(form: Form) -> None:
    form.press("Add parent")
    assert form.value["parent"] == {
        "action": "order",
        "name": "",
        "total": 0,
        "payment": {"kind": "card", "number": ""},
    }
    form.press("Add parent")
    assert form.value["parent"]["parent"]["total"] == 0


def test_problems_stand_at_their_fields_and_are_read_with_them(form: Form) -> None:
    form.field("name").fill("")
    name = form.field("name")
    assert name.get_attribute("aria-invalid") == "true"
    described = name.get_attribute("aria-describedby").split()
    read = [form.page.locator(f"[id='{each}']").text_content() for each in described]
    assert read == ["As on the parcel.", "Must not be empty"]
    form.field("total").fill("much")
    assert form.value["total"] == "much"
    assert form.page.get_by_text("Must be a number").count() == 1
    assert form.page.evaluate("api.left") == []
    form.page.evaluate("api.form.focusFirstProblem()")
    assert form.focused == "name"
    form.page.keyboard.type("Ann")
    assert name.get_attribute("aria-invalid") is None
    form.page.evaluate("api.form.focusFirstProblem()")
    assert form.focused == "total"


def test_a_missing_field_is_said_where_it_can_be_added(form: Form) -> None:
    form.show({**MOST, "lines": [{"sku": "A"}, {}]})
    assert form.page.get_by_text("“sku” is missing").count() == 1
    form.page.evaluate("api.form.focusFirstProblem()")
    assert form.focused == "Add sku required"
    form.page.keyboard.press("Enter")
    assert form.value["lines"][1] == {"sku": ""}
    assert form.page.get_by_text("“sku” is missing").count() == 0
    form.show({key: value for key, value in LEAST.items() if key != "total"})
    # The message itself has no place for it.
    left = form.page.evaluate("api.left")
    assert left == [{"path": ["total"], "text": "is missing"}]
    form.page.evaluate("api.form.focusFirstProblem()")
    assert form.focused == "Add total required"


def test_json_that_is_no_json_yet_is_kept_and_said(form: Form) -> None:
    form.press("Add anything")
    form.field("anything").fill('{"a": 1.0, }')
    assert form.own_problems == ["After the last one stands no comma (line 1, column 12)"]
    text = form.page.evaluate("api.form.text")
    assert '"anything": {"a": 1.0, }' in text
    broken = form.page.evaluate("(text) => api.parse(text)", text)["problem"]
    assert "comma" in broken["text"]
    # That the whole is no JSON is said at the field already.
    left = form.page.evaluate(
        "(problem) => api.form.showProblems([{path: [], ...problem}])", broken
    )
    assert left == []
    assert form.field("anything").get_attribute("aria-invalid") == "true"
    form.field("anything").fill("1")
    assert form.own_problems == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", 5),
        ("name", "a\r\nb"),
        ("total", "5"),
        ("colour", "green"),
        ("is_gift", "yes"),
        ("action", "other"),
        ("tags", {}),
        ("payment", []),
        ("labels", None),
        ("code", [1]),
        ("unknown", {"a": 1}),
    ],
)
def test_what_does_not_fit_is_shown_as_json_and_stays(form: Form, key: str, value: Any) -> None:
    form.show({**LEAST, key: value})
    assert form.value == {**LEAST, key: value}


def test_a_misfit_can_be_started_anew(form: Form) -> None:
    form.show({**LEAST, "name": 5})
    assert form.page.get_by_text("Must be text").count() == 1
    form.press("Start name anew")
    assert form.value == {**LEAST, "name": ""}
    assert form.focused == "name"


@pytest.mark.parametrize(
    ("schema", "value", "tag"),
    [
        ({"maxLength": 500}, "", "TEXTAREA"),
        ({"maxLength": 500, "pattern": "a"}, "", "TEXTAREA"),
        ({"maxLength": 50}, "", "INPUT"),
        ({"format": "uri", "maxLength": 2000}, "", "INPUT"),
        ({}, "two\nlines", "TEXTAREA"),
        ({}, "", "INPUT"),
    ],
)
def test_long_texts_have_several_lines(form: Form, schema: Any, value: str, tag: str) -> None:
    form.show({"x": value}, {"properties": {"x": {"type": "string", **schema}}})
    assert form.field("x").evaluate("(it) => it.tagName") == tag


def test_secrets_are_not_shown(form: Form) -> None:
    schema = {"type": "string", "format": "password", "writeOnly": True}
    form.show({"pin": "1234", "text": "x"}, {"properties": {"pin": schema, "text": schema}})
    assert form.field("pin").get_attribute("type") == "password"
    assert form.field("text").get_attribute("type") == "password"


def test_markup_in_a_schema_is_text(form: Form) -> None:
    evil = "<img src=x onerror=alert(1)>"
    schema = {
        "type": "object",
        "properties": {
            evil: {"type": "string", "description": evil},
            "e": {"enum": [evil]},
            "c": {"const": evil},
        },
    }
    form.show({evil: evil, "e": evil, "c": evil, "other": evil}, schema)
    assert form.page.locator("img").count() == 0
    assert form.page.get_by_text(evil).count() >= 3


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "a"),
        ({"type": "array", "items": {"type": "integer"}}, [1]),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, None),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "a"),
        ({}, {"a": 1}),
        ({"const": 1}, 1),
    ],
)
def test_the_message_itself_may_be_of_any_kind(form: Form, schema: Any, value: Any) -> None:
    form.show(value, schema)
    assert form.value == value
    assert find_barriers(form.page) == []


def test_a_listener_hears_of_each_change_and_of_nothing_else(form: Form) -> None:
    form.page.evaluate("api.changes = 0")
    form.show(MOST)
    form.page.evaluate("(text) => api.form.setValue(JSON.parse(text))", json.dumps(LEAST))
    assert form.page.evaluate("api.changes") == 0
    form.field("name").fill("B")
    form.press("Add tags")
    assert form.page.evaluate("api.changes") == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_nothing_stands_in_anybodys_way(form: Form, scheme: str, width: int) -> None:
    before = form.page.viewport_size
    form.page.set_viewport_size({"width": width, "height": 844})
    form.page.emulate_media(color_scheme=scheme)
    wrong = {"lines": [{"count": 0}], "parent": {**LEAST, "parent": MOST}, "code": [], "x": 1}
    form.show({**MOST, **wrong, "name": ""})
    assert find_barriers(form.page) == []
    assert form.page.evaluate("document.documentElement.scrollWidth") <= width
    form.page.set_viewport_size(before)
