"""Documents as text."""

import json
import sys
from typing import Any

import pytest
import yaml
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy

from chanx.asyncapi.renderers import FORMATS, render_json, render_yaml

DOCUMENT: dict[str, Any] = {"b": "größe", "a": [1, None, {"x": "yes"}], "c": "two\nlines"}


@pytest.mark.parametrize(("name", "load"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_text_holds_the_document_in_its_order(name: str, load: Any) -> None:
    text = FORMATS[name](DOCUMENT)
    assert load(text) == DOCUMENT
    assert list(load(text)) == ["b", "a", "c"]
    assert "größe" in text
    assert text.endswith("\n")


def test_yaml_writes_equal_parts_out() -> None:
    part = {"x": 1}
    assert render_yaml({"a": part, "b": part}) == "a:\n  x: 1\nb:\n  x: 1\n"


def test_yaml_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ImproperlyConfigured, match=r"pip install PyYAML"):
        render_yaml(DOCUMENT)
    assert render_json(DOCUMENT)


def test_translated_texts_are_written_as_text() -> None:
    document = {"title": gettext_lazy("Yes"), "tags": ("a",)}
    assert json.loads(render_json(document)) == {"title": "Yes", "tags": ["a"]}
    assert yaml.safe_load(render_yaml(document)) == {"title": "Yes", "tags": ["a"]}


def test_what_is_no_json_is_named() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"set has no form in JSON.*ASYNCAPI_HOOK"):
        render_json({"a": {1}})
