"""Talks to the documentation's site as the pages say that it answers.

Runs in a process of its own, with that site's settings: see tests/docs/test_examples.py.
"""

import importlib
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
import structlog
from asgiref.sync import sync_to_async
from channels.routing import get_default_application
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from rest_framework.authtoken.models import Token

from chanx.testing import WebsocketCommunicator
from chanx.utils.settings import settings_context
from tests.docs.pages import EXAMPLES, Fence, get_fences

pytestmark = pytest.mark.django_db(transaction=True)

_ARGUMENT = re.compile(r"(?P<path>\S+)(?: as (?P<user>\w+))?(?: with (?P<settings>.+))?")
_ANYTHING = "..."


def get_model(name: str) -> Any:
    """Return a model of the site, which type checkers of the suite's settings do not know."""
    return apps.get_model("tickets", name)


def prepare(name: str | None) -> list[tuple[bytes, bytes]]:
    """Make the people and the ticket of the pages; return the headers of one of them."""
    cache.clear()
    users = {name: User.objects.create_user(name) for name in ("alice", "bob")}
    ticket = get_model("Ticket")(pk=1, title="The printer is on fire")
    ticket.save()
    ticket.assignees.add(users["alice"])
    headers: list[tuple[bytes, bytes]] = []
    if name:
        token = Token.objects.create(user=users[name])
        client = Client()
        client.force_login(users[name])
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        headers.append((b"authorization", f"Token {token.key}".encode()))
        headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={session}".encode()))
    return headers


async def connect(fence: Fence) -> tuple[WebsocketCommunicator, dict[str, Any]]:
    """Return a client as the fence's argument wants it, and the settings to use."""
    match = _ARGUMENT.fullmatch(fence.argument)
    assert match, fence.argument
    headers = await sync_to_async(prepare)(match["user"])
    pairs = [pair.partition("=") for pair in (match["settings"] or "").split(", ") if pair]
    client = WebsocketCommunicator(get_default_application(), match["path"], headers=headers)
    return client, {name: json.loads(value) for name, _, value in pairs}


def agrees(actual: Any, expected: Any) -> bool:
    """Compare, with "..." for what differs from run to run."""
    if isinstance(actual, dict) and isinstance(expected, dict):
        return actual.keys() == expected.keys() and all(
            agrees(actual[key], value) for key, value in expected.items()
        )
    return bool(expected == _ANYTHING or actual == expected)


@pytest.mark.parametrize("fence", get_fences("exchange"), ids=str)
async def test_exchange(fence: Fence) -> None:
    client, changes = await connect(fence)
    with settings_context(**changes):
        await client.connect()
        for line in fence.text.splitlines():
            mark, _, rest = line.partition(" ")
            if mark == ">":
                await client.send_to(text_data=rest)
            elif mark == "<":
                actual = await client.receive_json_from()
                assert agrees(actual, json.loads(rest)), f"{line}\nnot {json.dumps(actual)}"
            else:
                closed = re.fullmatch(r"\* closed with (\d+)", line)
                assert closed, line
                await client.assert_closed(int(closed[1]))
        await client.disconnect_if_running()
        assert client.output_queue.empty()


class Lines(logging.Handler):
    """Keeps what the site's own handler would write."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def log() -> Any:
    """What the site writes, through the formatter of its LOGGING."""
    root = logging.getLogger()
    # pytest has handlers of its own there.
    [original] = [
        h for h in root.handlers if isinstance(h.formatter, structlog.stdlib.ProcessorFormatter)
    ]
    handler = Lines()
    handler.setFormatter(original.formatter)
    root.addHandler(handler)
    yield handler.lines
    root.removeHandler(handler)


@pytest.mark.parametrize("fence", get_fences("log"), ids=str)
async def test_log(fence: Fence, log: list[dict[str, Any]]) -> None:
    expected = [json.loads(line) for line in fence.text.splitlines()]
    client, _ = await connect(fence)
    await client.connect()
    await client.assert_authenticated_status_ok()
    if len(expected) > 1:
        await client.send_json_to({"action": "say", "payload": "Hello"})
        await client.receive_all_json()
        await client.disconnect()
    else:
        await client.disconnect()
        log = [line for line in log if line["logger"] == expected[0]["logger"]]
    assert len(log) == len(expected)
    for actual, wanted in zip(log, expected, strict=True):
        assert agrees(actual, wanted), f"{wanted}\nnot {actual}"


async def test_traceback_is_logged(log: list[dict[str, Any]]) -> None:
    [fence] = [fence for fence in get_fences("exchange") if "/ws/feed/" in fence.argument]
    client, _ = await connect(fence)
    await client.connect()
    await client.assert_authenticated_status_ok()
    await client.send_json_to({"action": "follow", "payload": "out of office"})
    await client.receive_all_json()
    await client.disconnect()
    [line] = [line for line in log if line["level"] == "error"]
    assert line["event"] == "Failed to process message"
    assert "BrokerError" in line["exception"]
    assert line["request_id"]
    assert line["received_action"] == "follow"


@pytest.mark.parametrize(
    "file", [file for file in EXAMPLES.glob("*/*.py") if file.name != "__init__.py"], ids=str
)
def test_module_imports(file: Path) -> None:
    importlib.import_module(".".join(file.relative_to(EXAMPLES).with_suffix("").parts))
