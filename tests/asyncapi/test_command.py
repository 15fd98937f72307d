"""``manage.py asyncapi``."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import override_settings

from chanx.asyncapi.document import make_site_document
from chanx.asyncapi.renderers import render_json, render_yaml
from chanx.utils.settings import settings_context

pytestmark = pytest.mark.usefixtures("site_settings")


def run(*arguments: str) -> tuple[str, str]:
    """Return what the command prints, and what it warns of."""
    out, warnings = io.StringIO(), io.StringIO()
    call_command("asyncapi", *arguments, stdout=out, stderr=warnings)
    return out.getvalue(), warnings.getvalue()


def fail(*arguments: str) -> tuple[str, str]:
    """Return what the command prints, and the error with which it ends."""
    out = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("asyncapi", *arguments, stdout=out, stderr=io.StringIO())
    assert caught.value.returncode == 1
    return out.getvalue(), str(caught.value)


def test_document_is_printed() -> None:
    assert run()[0] == render_json(make_site_document())
    assert run("--format", "yaml")[0] == render_yaml(make_site_document())


def test_what_cannot_be_described_is_a_warning() -> None:
    assert "EraseMessage has an example (number 3) that does not validate" in run()[1]


@pytest.mark.parametrize(
    ("name", "arguments", "load"),
    [
        ("api.json", [], json.loads),
        ("api.yaml", [], yaml.safe_load),
        ("api.YML", [], yaml.safe_load),
        ("api", ["--format", "json"], json.loads),
        ("api.txt", ["--format", "yaml"], yaml.safe_load),
    ],
)
def test_file_has_the_format_of_its_name(
    name: str, arguments: list[str], load: Any, tmp_path: Path
) -> None:
    file = tmp_path / name
    assert run("--output", str(file), *arguments)[0] == ""
    text = file.read_text("utf-8")
    assert load(text) == make_site_document()
    assert text.startswith("{") == (load is json.loads)
    assert "is up to date" in run("--check", str(file), *arguments)[0]


@pytest.mark.parametrize("option", ["--output", "--check"])
def test_name_that_says_no_format_is_asked_about(option: str, tmp_path: Path) -> None:
    file = tmp_path / "api.txt"
    with pytest.raises(CommandError, match=r"api\.txt does not say which format .* --format json"):
        call_command("asyncapi", option, str(file))
    assert not file.exists()
    call_command("asyncapi", "--format", "json", "--output", str(file))
    assert json.loads(file.read_text("utf-8"))["asyncapi"] == "3.0.0"


def test_file_that_is_out_of_date_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "api.json"
    run("--output", str(file))
    before = file.read_bytes()
    with settings_context(ASYNCAPI_TITLE="Another"):
        printed, error = fail("--check", str(file))
    assert '-    "title": "WebSocket API",\n+    "title": "Another",\n' in printed
    assert f"{file} is out of date: run manage.py asyncapi --output {file}" in error
    assert file.read_bytes() == before


def test_long_difference_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "api.json"
    file.write_text("{}\n", "utf-8")
    printed, _ = fail("--check", str(file))
    assert len(printed.splitlines()) == 201
    assert printed.endswith("... and more\n")


def test_line_ends_do_not_count(tmp_path: Path) -> None:
    file = tmp_path / "api.json"
    text = render_json(make_site_document())
    for other in (text.rstrip("\n"), text.replace("\n", "\r\n")):
        file.write_bytes(other.encode())
        assert "up to date" in run("--check", str(file))[0]


def test_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    assert "No such file" in fail("--check", str(tmp_path / "none.json"))[1]
    # What is advised works.
    text = fail("--check", str(tmp_path / "none.txt"), "--format", "json")[1]
    assert f"--output {tmp_path / 'none.txt'} --format json," in text
    (tmp_path / "latin.json").write_bytes(b"\xe9")
    assert "no UTF-8" in fail("--check", str(tmp_path / "latin.json"))[1]
    assert "cannot be written" in fail("--output", str(tmp_path / "none" / "api.json"))[1]


def test_site_that_cannot_be_loaded_is_named() -> None:
    with override_settings(ASGI_APPLICATION="tests.nowhere.application"):
        assert "tests.nowhere.application" in fail()[1]


def test_output_and_check_exclude_each_other() -> None:
    with pytest.raises(CommandError, match="not allowed with"):
        run("--output", "a", "--check", "b")
