"""The snippets on the chat's page, pasted and run against the chat."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import find_barriers
from tests.examples.demo import TIMEOUT, Demo

pytestmark = [pytest.mark.browser, pytest.mark.live]


@pytest.fixture
def page(browser: Any, chat: Demo) -> Iterator[Any]:
    page = browser.new_page()
    page.goto(f"{chat.url}/chanx/")
    yield page
    page.close()


def read_code(page: Any, language: str, label: str) -> str:
    """Return a snippet, with a room that is there in its address."""
    fold = page.locator(".snippets details", has_text=language).filter(
        has=page.locator("summary", has_text=label)
    )
    code = str(fold.locator("pre").text_content())
    assert "/ws/rooms/example/" in code
    return code.replace("/ws/rooms/example/", "/ws/rooms/general/")


def run_javascript(page: Any, code: str, last: str) -> list[str]:
    """Run code in the page, and return the lines of its console up to one that starts so."""
    lines: list[str] = []
    page.on("console", lambda line: lines.append(line.text))
    with page.expect_console_message(lambda line: line.text.startswith(last)):
        page.evaluate(f"() => {{\n{code}\nwindow.socket = socket;\n}}")
    return lines


def run_python(code: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_javascript_with_the_session_of_the_page(page: Any, chat: Demo) -> None:
    chat.log_in(page, "alice")
    page.goto(f"{chat.url}/chanx/")
    lines = run_javascript(page, read_code(page, "JavaScript", "Session"), "{action: chat")
    assert lines[0].startswith("{action: authentication")
    with page.expect_console_message(lambda line: line.text.startswith("closed 100")):
        page.evaluate("socket.close()")


def test_javascript_with_a_token(page: Any, chat: Demo) -> None:
    page.on("dialog", lambda dialog: dialog.accept(chat.get_token("bob")))
    run_javascript(page, read_code(page, "JavaScript", "Token"), "{action: chat")


def test_javascript_says_why_it_was_refused(page: Any) -> None:
    lines = run_javascript(page, read_code(page, "JavaScript", "Session"), "closed 4401")
    assert "401" in lines[-1]


def test_python(page: Any, chat: Demo) -> None:
    chat.log_in(page, "alice")
    page.goto(f"{chat.url}/chanx/")
    [session] = [each for each in page.context.cookies() if each["name"] == "sessionid"]
    token, cookie = (read_code(page, "Python", label) for label in ("Token", "Session"))
    processes = [
        run_python(token, TOKEN=chat.get_token("bob")),
        run_python(cookie, SESSION=session["value"]),
        run_python(token, TOKEN="wrong"),
    ]
    by_token, by_session, refused = [each.communicate(timeout=TIMEOUT)[0] for each in processes]
    assert [each.returncode for each in processes] == [0, 0, 0], refused
    for output in (by_token, by_session):
        authentication, said, *_ = output.splitlines()
        assert '"status_code":200' in authentication.replace(" ", "")
        assert json.loads(said)["action"] == "chat"
    assert '"status_code":401' in refused.replace(" ", "")
    assert refused.splitlines()[-1].startswith("closed 4401")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_stands_in_anybodys_way(browser: Any, chat: Demo, scheme: str, width: int) -> None:
    page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 844})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text))
    page.goto(f"{chat.url}/chanx/")
    page.get_by_role("button", name="Unfold all").click()
    assert find_barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert problems == []
    page.close()
