"""What the pages say of the code: names, defaults, codes, limits and log lines are so."""

import ast
import dataclasses
import inspect
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from channels.generic.websocket import AsyncJsonWebsocketConsumer as ChannelsConsumer
from django.test import override_settings
from django.urls import get_resolver, reverse

import chanx
from chanx import exceptions
from chanx.codes import CloseCode, close_code_for_status
from chanx.description import documented
from chanx.description.endpoints import Endpoint
from chanx.engine.limits import Limits
from chanx.generic import authenticator
from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages import base, incoming, outgoing
from chanx.playground.info import _make_item
from chanx.settings import DEFAULTS
from chanx.testing import WebsocketCommunicator, WebsocketTestCase
from tests.docs.pages import DOCS, ROOT, get_tables

PACKAGE = Path(chanx.__file__).parent

AUTHENTICATION_DEADLINE = authenticator._DEADLINE  # read here: while a test runs, it is another

# Functions that log, the level, and which argument is the event.
LOGGERS = {
    "log_exception": ("error", 1),
    "self._log_malformed": ("warning", 0),
    "self._tell": ("warning", 0),
}

INFO = ast.Constant("info")

LEVELS = {"info": "info", "warning": "warning", "error": "error", "exception": "error"}


def get_code(cell: str) -> str:
    """Return what a cell of a table marks as code, first of all."""
    match = re.search(r"`([^`]+)`", cell)
    return match[1] if match else ""


def get_column(page: str, number: int = 0) -> set[str]:
    """Return all that one column of a page's tables marks as code."""
    rows = get_tables(DOCS / page)
    cells = [row[number] for row in rows if len(row) > number]
    return {code for cell in cells for code in re.findall(r"`([^`]+)`", cell)}


def get_public(cls: type[Any]) -> set[str]:
    return {name for name in vars(cls) if not name.startswith("_")}


def test_settings_and_their_defaults() -> None:
    rows = {get_code(row[0]): get_code(row[1]) for row in get_tables(DOCS / "settings.md")}
    documented = {name: rows.get(name) for name in DEFAULTS}
    assert documented == {name: repr(value).replace("'", '"') for name, value in DEFAULTS.items()}
    assert {name for name in rows if name.isupper()} == set(DEFAULTS)


def test_settings_that_are_attributes_too() -> None:
    rows = {get_code(row[0]): get_code(row[1]) for row in get_tables(DOCS / "settings.md")}
    attributes = {name.lower(): name for name in DEFAULTS}
    attributes = {k: v for k, v in attributes.items() if hasattr(AsyncJsonWebsocketConsumer, k)}
    assert {name: setting for name, setting in rows.items() if name.islower()} == attributes
    assert {getattr(AsyncJsonWebsocketConsumer, name) for name in attributes} == {None}


def test_close_codes() -> None:
    rows = get_tables(DOCS / "errors.md")
    documented = {int(row[0]): get_code(row[1]) for row in rows if row[0].isdigit() and row[1]}
    assert documented == {int(code): code.name for code in CloseCode}
    statuses = [row for row in get_tables(DOCS / "authentication.md") if row[0].isdigit()]
    for status, code, *_ in statuses:
        assert status == "200" or int(code) == close_code_for_status(int(status))
    [listed] = [row[0] for row in rows if row[0].startswith("4401, ")]
    assert {int(code) for code in listed.split(", ")} | {int(CloseCode.INTERNAL_ERROR)} == {
        int(row[1]) for row in statuses if row[1]
    }


def test_limits() -> None:
    rows = {get_code(row[0]): row[1] for row in get_tables(DOCS / "limits.md")}
    for field in dataclasses.fields(Limits):
        name = field.name.upper() if field.name.upper() in DEFAULTS else field.name
        if isinstance(field.default, str):
            assert rows[name] == f'`"{field.default}"`'
        else:
            default = f"{field.default:g}" if isinstance(field.default, float) else field.default
            assert rows[name].strip("`").startswith(str(default)), name


def test_deadlines() -> None:
    limits = (DOCS / "limits.md").read_text("utf-8")
    assert f"Authentication has {AUTHENTICATION_DEADLINE:g} seconds." in limits


def test_exceptions() -> None:
    documented = get_column("errors.md")
    assert set(exceptions.__all__) - {"ChanxError"} <= documented
    assert "ChanxError" in (DOCS / "errors.md").read_text("utf-8")


def test_system_checks() -> None:
    text = "".join(
        (PACKAGE / name).read_text("utf-8") for name in ("checks.py", "generic/problems.py")
    )
    ids = {f"chanx.{id_}" for id_ in re.findall(r'"(?:chanx\.)?([EW]\d{3})"', text)}
    rows = {get_code(row[0]) for row in get_tables(DOCS / "errors.md")}
    assert {row for row in rows if re.fullmatch(r"chanx\.[EW]\d+", row)} == ids


def find_log_calls() -> Iterator[tuple[str, str]]:
    """Yield event and level of each call that logs, or that calls a function to log."""
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            if ast.unparse(node.func) == "note_refusal":
                yield "Refused a connection", ast.literal_eval([*node.args, INFO][2])
            level, number = LOGGERS.get(ast.unparse(node.func), ("", 0))
            if level:
                match node.args[number]:
                    case ast.Constant(value=str(text)):
                        yield text, level
            for function, event in itertools.pairwise([node.func, *node.args]):
                match function, event:
                    case ast.Attribute(value, method), ast.Constant(value=str(text)):
                        if method in LEVELS and "log" in ast.unparse(value):
                            yield text, LEVELS[method]


def test_log_events() -> None:
    rows = [row for row in get_tables(DOCS / "logging.md") if row[1] in LEVELS.values()]
    assert {(get_code(row[0]), row[1]) for row in rows} == set(find_log_calls())


def test_consumer() -> None:
    documented = {name.partition("(")[0] for name in get_column("first-consumer.md")}
    own = get_public(AsyncJsonWebsocketConsumer) | set(AsyncJsonWebsocketConsumer.__annotations__)
    # What Channels calls, and what nobody needs to call or override.
    machinery = {
        "as_asgi",
        "dispatch",
        "send_group_member",
        "websocket_connect",
        "websocket_disconnect",
    }
    assert own - machinery <= documented
    known = (
        set(dir(AsyncJsonWebsocketConsumer)) | own | set(dir(ChannelsConsumer)) | {"authenticator"}
    )
    attributes = {name for name in documented if name.isidentifier()} - known
    assert attributes <= {"ValueError", "TypeError", "SynchronousOnlyOperation"}


@pytest.mark.parametrize("method", ["send_group_message", "send_to_groups", "send_json"])
def test_signatures_of_the_consumer(method: str) -> None:
    documented = get_column("first-consumer.md")
    [row] = [name for name in documented if name.startswith(f"{method}(")]
    assert get_signature(getattr(AsyncJsonWebsocketConsumer, method)) == row.removeprefix(method)


def test_authenticator() -> None:
    documented = " ".join(get_column("authentication.md") | get_column("first-consumer.md"))
    for name in get_public(authenticator.ChanxWebsocketAuthenticator):
        assert name in documented
    text = (DOCS / "authentication.md").read_text("utf-8")
    for field in dataclasses.fields(authenticator.AuthenticationResult):
        assert f"`{field.name}`" in text


@pytest.mark.parametrize("module", [base, incoming, outgoing])
def test_messages(module: Any) -> None:
    documented = get_column("messages.md") | {
        "IncomingMessage",
        "AuthenticatePayload",
        "AuthenticationPayload",
        "DroppedPayload",
    }
    names = {name for name in module.__all__ if inspect.isclass(getattr(module, name))}
    assert names <= documented
    text = (DOCS / "messages.md").read_text("utf-8")
    for name in names:
        assert f"`{name}`" in text


@pytest.mark.parametrize("cls", [WebsocketCommunicator, WebsocketTestCase])
def test_test_tools(cls: Any) -> None:
    documented = get_column("testing.md")
    for name in get_public(cls):
        member = getattr(cls, name)
        signature = get_signature(member) if inspect.isfunction(member) else ""
        assert name + signature in documented


def get_signature(function: Any) -> str:
    """Return the parameters as a page writes them: without self and types."""
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "self"
    ]
    signature = inspect.Signature(parameters)
    return re.sub(r"'", '"', str(signature))


def test_arguments_of_the_decorator() -> None:
    table = get_column("documentation.md")
    assert set(inspect.signature(documented).parameters) <= table


def test_urls_of_the_documentation() -> None:
    rows = {get_code(row[1]): get_code(row[0]) for row in get_tables(DOCS / "documentation.md")}
    names = {name for name in get_resolver("chanx.urls").reverse_dict if isinstance(name, str)}
    with override_settings(ROOT_URLCONF="tests.description.site"):
        assert {name: url for name, url in rows.items() if name in names} == {
            name: reverse(name).removeprefix("/") for name in names
        }


def test_keys_of_the_list_for_tools() -> None:
    item = _make_item(Endpoint(name="a", path="/a/", consumer="a.A"), "ws://localhost")
    assert set(item) <= get_column("documentation.md")


def test_changelog_is_for_users() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    added = text.partition("## [Unreleased]")[2].partition("### Added")[2]
    assert re.search(r"^- ", added, re.MULTILINE)
