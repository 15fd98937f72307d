"""The playground of the example chat, and of servers that do what a test wants."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from tests.examples.demo import Demo
from tests.pages.site import settings as page_site_settings

__all__ = ["PATH", "Card", "OpenPage"]

PATH = "/chanx/playground/websocket/"
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
        self.root.locator(".status", has_text=text).wait_for()

    def wait_for_frame(self, kind: str, text: str) -> Any:
        """Return the first frame of a kind ("sent", "received", "event") with a text."""
        frame = self.root.locator(f".frame.{kind}", has_text=text).first
        frame.wait_for()
        return frame

    def connect(self, room: str = "general") -> None:
        self.root.get_by_label("slug").fill(room)
        self.click("Connect")

    def use_token(self, token: str, way: str = "subprotocol") -> None:
        self.root.get_by_label("Sign in with").select_option(way)
        self.root.get_by_label("Token", exact=True).fill(token)

    def write(self, text: str) -> None:
        """Put JSON into the composer."""
        self.root.get_by_text("JSON", exact=True).click()
        self.editor.fill(text)

    def say(self, text: str) -> None:
        self.write(f'{{"action": "chat", "payload": {{"text": "{text}"}}}}')
        self.click("Send")


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The example chat, started."""
    demo = Demo(tmp_path_factory.mktemp("chat"))
    demo.start()
    yield demo
    demo.stop()


@pytest.fixture
def page_settings(site_settings: None) -> Iterator[None]:
    """Have the site of ``tests.description.site`` served, with its pages."""
    with override_settings(
        INSTALLED_APPS=page_site_settings.INSTALLED_APPS,
        TEMPLATES=page_site_settings.TEMPLATES,
        STATIC_URL=page_site_settings.STATIC_URL,
    ):
        yield


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
            page.goto(f"{demo.url}/login/")
            page.get_by_label("Name").fill(name)
            page.get_by_label("Password").fill(f"demo-{name}")
            page.get_by_role("button", name="Sign in").click()
            page.get_by_role("heading", name="Your rooms").wait_for()
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


def read_export(page: Any, card: Card, folder: Path) -> str:
    """Return the text of the exported log."""
    with page.expect_download() as download:
        card.click("Export")
    target = folder / "log.json"
    download.value.save_as(target)
    return target.read_text("utf-8")
