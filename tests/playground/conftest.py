"""The playground of the example chat, and of servers that do what a test wants."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.examples.demo import Demo
from tests.live.processes import Server
from tests.playground.form_page import serve_form_page

__all__ = ["LONGEST_PAUSES", "PATH", "SAVE", "Card", "OpenPage", "Play", "read_export"]

PATH = "/chanx/playground/websocket/"
SAVE = "dispatchEvent(new Event('pagehide'))"
"""Has a page save at once what it keeps."""
LONGEST_PAUSES = (625, 1_250, 2_500)
"""Milliseconds within which a page makes the first attempts to reconnect, each after a loss.

The shortest pauses are three fifths of them: while one of these passes, one attempt is made.
"""
AUTHENTICATED = json.dumps(
    {"action": "authentication", "payload": {"status_code": 200, "status_text": "OK", "data": {}}}
)
BY_NAME = "?endpoint=drawing+by+name&p.name=x&q.layer[]=a"
OpenPage = Callable[..., Any]


class Card:
    """One connection on the page."""

    def __init__(self, page: Any, number: int = 1) -> None:
        self.root = page.get_by_role("region", name=re.compile(f"^Connection {number} "))
        self.status = self.root.locator(".status")
        self.editor = self.root.get_by_label("Message as JSON")
        self.rows = self.root.locator(".frame")

    def click(self, button: str) -> None:
        self.root.get_by_role("button", name=button, exact=True).click()

    def wait_for_status(self, text: str) -> None:
        """Wait for a status that begins with a text."""
        self.root.locator(".status", has_text=re.compile(f"^{re.escape(text)}")).wait_for()

    def wait_for_frame(self, kind: str, text: str) -> Any:
        """Return the first frame of a kind ("sent", "received", "event") with a text."""
        frame = self.root.locator(f".frame.{kind}", has_text=text).first
        frame.wait_for()
        return frame

    def remove(self, number: int = 1) -> None:
        """Remove the connection, which asks a second time where there is a log."""
        self.click(f"Remove connection {number}")
        self.click(f"Remove connection {number} and its log")

    def connect(self, room: str = "general") -> None:
        self.root.get_by_label("slug").fill(room)
        self.click("Connect")

    def use_token(self, token: str, way: str = "subprotocol") -> None:
        self.root.get_by_label("Authenticate with").select_option(way)
        self.root.get_by_label("Token", exact=True).fill(token)

    def write(self, text: str) -> None:
        """Put JSON into the composer."""
        self.root.get_by_text("JSON", exact=True).click()
        self.editor.fill(text)

    def say(self, text: str) -> None:
        self.write(f'{{"action": "chat", "payload": {{"text": "{text}"}}}}')
        self.click("Send")


Play = Callable[..., tuple[Card, list[Any]]]


@pytest.fixture(scope="module")
def form_page(browser: Any) -> Iterator[Any]:
    """A page with nothing but the modules of the form, as ``api``; it may say nothing."""
    with serve_form_page() as url:
        page = browser.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: problems.append(line.text))
        page.goto(url)
        page.wait_for_selector("html[data-ready]")
        yield page
        assert problems == []


@pytest.fixture
def open_page(browser: Any) -> Iterator[OpenPage]:
    """Open a page in a browser profile of its own; what the console says fails the test.

    With the chat as ``demo`` somebody is logged in first, if ``name`` says who. Failed handshakes
    are in the console by the browser's own doing.
    """
    contexts: list[Any] = []
    lines: list[str] = []

    def make(url: str, demo: Demo | None = None, name: str | None = None, **options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        if demo is not None and name is not None:
            demo.log_in(page, name)
        page.on("pageerror", lambda error: lines.append(str(error)))
        page.on("console", lambda line: lines.append(line.text))
        page.goto(url)
        page.lines = lines
        return page

    yield make
    for context in contexts:
        context.close()
    unexpected = [line for line in lines if "WebSocket connection to" not in line]
    assert unexpected == []


@pytest.fixture
def play(page_site: Server, open_page: OpenPage) -> Play:
    """Open the page with an endpoint and connect to a server that a function plays."""

    def make(
        handle: Callable[[Any], None] = lambda socket: None,
        search: str = BY_NAME,
        prepare: Callable[[Card], None] = lambda card: None,
    ) -> tuple[Card, list[Any]]:
        received: list[Any] = []
        page = open_page(f"http://127.0.0.1:{page_site.port}{PATH}{search}")

        def serve(socket: Any) -> None:
            # A method of a list is not taken.
            socket.on_message(lambda message: received.append(message))
            socket.send(AUTHENTICATED)
            handle(socket)

        page.route_web_socket("**", serve)
        page.reload()
        card = Card(page)
        prepare(card)
        card.click("Connect")
        return card, received

    return make


def read_export(page: Any, card: Card, folder: Path) -> str:
    """Return the text of the exported log."""
    with page.expect_download() as download:
        card.click("Export")
    target = folder / "log.json"
    download.value.save_as(target)
    return target.read_text("utf-8")
