"""The example chat as a whole: its own tests, its demo command, its terminal client, its pages."""

import asyncio
import contextlib
import importlib
import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.request import urlopen

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from tests.examples.demo import GENERAL, SITE, TIMEOUT, Demo

# Its folder is on sys.path for pytest alone.
cli: Any = importlib.import_module("chat.cli")

# The tests work on rooms and people that the demo command makes.
PRIVATE = "notes"


@contextlib.contextmanager
def run_terminal(
    demo: Demo, name: str
) -> Iterator[tuple["subprocess.Popen[str]", Callable[[str], None]]]:
    """Run the terminal client; yield its process, and what waits for a text of its output."""
    command = [sys.executable, "-m", "chat.cli", "--url", demo.url, "--room", GENERAL]
    with subprocess.Popen(
        command,
        cwd=SITE,
        env=demo.get_environment(CHAT_TOKEN=demo.get_token(name), PYTHONUNBUFFERED="1"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as client:

        def wait_for(text: str) -> None:
            assert client.stdout
            assert any(text in line for line in client.stdout), f"It ended without {text!r}"

        try:
            yield client, wait_for
        finally:
            client.kill()  # it may wait for its input


def test_its_own_tests_pass(site: Demo) -> None:
    result = site.run("manage.py", "test", "--buffer")
    assert result.returncode == 0, result.stderr


def test_nothing_is_left_to_migrate(site: Demo) -> None:
    result = site.run("manage.py", "makemigrations", "--check", "--dry-run")
    assert result.returncode == 0, result.stdout


def test_the_document_is_up_to_date_and_nothing_is_wrong_with_it(site: Demo) -> None:
    result = site.run("manage.py", "asyncapi", "--check", "asyncapi.json")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""


def test_checks_find_nothing(site: Demo) -> None:
    result = site.run("manage.py", "check", "--fail-level", "DEBUG")
    assert result.returncode == 0, result.stderr


def test_the_demo_secret_key_is_refused_outside_of_debug(site: Demo) -> None:
    result = site.run("manage.py", "check", DJANGO_DEBUG="0")
    assert result.returncode != 0
    assert "DJANGO_SECRET_KEY" in result.stderr
    result = site.run("manage.py", "check", DJANGO_DEBUG="0", DJANGO_SECRET_KEY="secret")
    assert result.returncode == 0, result.stderr


def test_the_demo_may_run_again(site: Demo) -> None:
    counts = []
    for _ in range(2):
        result = site.run("manage.py", "demo", "--no-server")
        assert result.returncode == 0, result.stderr
        counts.append(
            [
                site.query(f"SELECT count(*) FROM {table}")
                for table in ("auth_user", "authtoken_token", "chat_room", "chat_message")
            ]
        )
    assert counts[0] == counts[1]


def test_a_taken_port_is_told(site: Demo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = site.run("manage.py", "demo", "--port", str(taken.getsockname()[1]))
    assert result.returncode != 0
    assert "in use" in result.stderr
    assert "--port" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.live
def test_the_api_is_shown_where_the_demo_says_so(demo: Demo) -> None:
    assert demo.process is not None
    assert demo.process.stdout is not None
    next(demo.process.stdout)  # how to start the terminal client
    urls = re.findall(r"http://\S+", next(demo.process.stdout))
    assert len(urls) == 2
    pages = [*urls, f"{demo.url}/chanx/asyncapi.json", f"{demo.url}/chanx/asyncapi.yaml"]
    for url in pages:
        with urlopen(url, timeout=TIMEOUT) as response:
            assert response.status == 200
            assert "Chat" in response.read().decode()
    with urlopen(f"{demo.url}/chanx/playground/websocket-info/", timeout=TIMEOUT) as response:
        [room] = json.load(response)
    assert room["friendly_url"] == f"ws://127.0.0.1:{demo.port}/ws/rooms/:slug/"


@pytest.mark.live
def test_the_terminal_client_sends_every_line_once_and_in_order(demo: Demo) -> None:
    lines = [f"line {number}" for number in range(20)]
    result = demo.chat(demo.get_token("bob"), "\n\n".join(lines))
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-20:] == [f"bob: {line}" for line in lines]
    saved = demo.query("SELECT text FROM chat_message ORDER BY id")
    assert [text for (text,) in saved][-20:] == lines


@pytest.mark.live
def test_the_terminal_client_says_what_was_not_sent_and_goes_on(demo: Demo) -> None:
    result = demo.chat(demo.get_token("bob"), "x" * 2001 + "\nshort\n")
    assert result.returncode == 0
    assert "was not sent: String should have at most 2000 characters" in result.stderr
    assert result.stdout.splitlines()[-1] == "bob: short"


@pytest.mark.live
@pytest.mark.parametrize(
    ("token", "room", "reason"),
    [
        ("bob", PRIVATE, "You are not a member of this room."),
        ("bob", "nowhere", "No Room matches the given query."),
        ("", GENERAL, "Invalid token."),
    ],
)
def test_the_terminal_client_gives_up_when_refused(
    demo: Demo, token: str, room: str, reason: str
) -> None:
    result = demo.chat(demo.get_token(token) if token else "wrong", "hello\n", room)
    assert result.returncode == 1
    assert reason in result.stderr
    assert "Traceback" not in result.stderr


# --- in a browser -----------------------------------------------------------------------------


@pytest.fixture
def open_room(browser: Any, demo: Demo) -> Iterator[Callable[..., Any]]:
    """Log somebody in and open a room, each person in a browser profile of their own."""
    profiles: dict[str, Any] = {}
    problems: list[str] = []

    def make(name: str, room: str = GENERAL) -> Any:
        if name not in profiles:
            profiles[name] = browser.new_context()
            page = profiles[name].new_page()
            demo.log_in(page, name)
            page.close()
        page = profiles[name].new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{demo.url}/rooms/{room}/")
        return page

    yield make
    for profile in profiles.values():
        profile.close()
    assert problems == []


def send(page: Any, text: str) -> None:
    page.get_by_role("textbox").fill(text)
    page.get_by_role("textbox").press("Enter")


def wait_for_state(page: Any, state: str) -> None:
    page.locator(f'#state[data-state="{state}"]').wait_for()


def wait_for_message(page: Any, text: str) -> Any:
    message = page.locator("#messages .message", has=page.get_by_text(text, exact=True))
    message.wait_for()
    return message


def is_mine(message: Any) -> bool:
    return "is-mine" in message.get_attribute("class")


NOTE_TYPISTS = """() => {
  window.typists = [];
  const line = document.getElementById("typing");
  new MutationObserver(() => typists.push(line.innerText)).observe(line, {childList: true});
}"""
"""Has a page note who is said to be writing, which stands there for some seconds."""


@pytest.mark.live
@pytest.mark.browser
def test_two_people_talk(open_room: Callable[..., Any]) -> None:
    alice, bob = open_room("alice"), open_room("bob")
    for page in (alice, bob):
        wait_for_state(page, "connected")
    alice.evaluate(NOTE_TYPISTS)
    bob.get_by_role("textbox").press_sequentially("so")
    alice.wait_for_function("() => typists.includes('bob is writing')")

    send(alice, "Anybody there?")
    assert is_mine(wait_for_message(alice, "Anybody there?"))
    assert not is_mine(wait_for_message(bob, "Anybody there?"))

    send(bob, "Here!")
    assert not is_mine(wait_for_message(alice, "Here!"))
    assert is_mine(wait_for_message(bob, "Here!"))


@pytest.mark.live
@pytest.mark.browser
def test_another_tab_of_the_same_person(open_room: Callable[..., Any]) -> None:
    first, second = open_room("alice"), open_room("alice")
    for page in (first, second):
        wait_for_state(page, "connected")
    send(second, "Sent here")
    assert "from another tab" in wait_for_message(first, "Sent here").inner_text()
    assert "from another tab" not in wait_for_message(second, "Sent here").inner_text()
    assert is_mine(wait_for_message(first, "Sent here"))


@pytest.mark.live
@pytest.mark.browser
def test_a_text_that_is_refused_comes_back_with_the_reason(open_room: Callable[..., Any]) -> None:
    page = open_room("alice")
    wait_for_state(page, "connected")
    send(page, "  ")
    page.get_by_role("alert").get_by_text("nothing to send").wait_for()
    send(page, "x" * 2001)
    page.get_by_role("alert").get_by_text("1 character too long").wait_for()
    assert page.get_by_role("textbox").input_value() == "x" * 2001
    send(page, "short")
    wait_for_message(page, "short")
    assert page.get_by_role("alert").count() == 0


@pytest.mark.live
@pytest.mark.browser
def test_markup_is_shown_and_not_run(open_room: Callable[..., Any]) -> None:
    text = "</script><img src=x onerror=alert(1)>"
    page = open_room("alice")
    wait_for_state(page, "connected")
    send(page, text)
    wait_for_message(page, text)
    page.reload()
    wait_for_message(page, text)
    assert page.locator("#messages img").count() == 0


@pytest.mark.live
@pytest.mark.browser
def test_nothing_is_lost_while_the_server_is_away(
    demo: Demo, open_room: Callable[..., Any]
) -> None:
    page = open_room("alice")
    wait_for_state(page, "connected")
    send(page, "before")
    wait_for_message(page, "before")

    demo.stop()
    wait_for_state(page, "waiting")
    send(page, "meanwhile, by alice")
    page.get_by_text("waits for the connection").wait_for()
    page.get_by_role("textbox").fill("half a sen")
    demo.say("bob", "meanwhile, by bob")
    demo.start()
    page.evaluate("dispatchEvent(new Event('online'))")  # do not wait for the next attempt

    wait_for_message(page, "meanwhile, by alice")
    texts = page.locator("#messages .text").all_text_contents()
    assert texts[-3:] == ["before", "meanwhile, by bob", "meanwhile, by alice"]
    assert page.get_by_role("textbox").input_value() == "half a sen"
    assert page.locator("#pending li").count() == 0


@pytest.mark.live
@pytest.mark.browser
def test_a_page_stops_trying_when_it_is_refused(demo: Demo, open_room: Callable[..., Any]) -> None:
    page = open_room("bob")
    wait_for_state(page, "connected")
    demo.stop()
    wait_for_state(page, "waiting")
    send(page, "too late")
    demo.query("DELETE FROM chat_room_members")
    demo.start()
    page.evaluate("dispatchEvent(new Event('online'))")
    wait_for_state(page, "stopped")
    page.locator("#lost").get_by_text("You are not a member of this room.").wait_for()
    assert page.get_by_role("textbox").input_value() == "too late"


@pytest.mark.live
@pytest.mark.browser
def test_a_stranger_sees_a_refusal_in_words(open_room: Callable[..., Any]) -> None:
    page = open_room("bob", PRIVATE)
    page.get_by_text("You are not a member of this room.").wait_for()


def wait_for_dialog(page: Any) -> Any:
    dialog = page.get_by_role("alertdialog", name="You have been signed out")
    dialog.wait_for()
    return dialog


@pytest.mark.live
@pytest.mark.browser
def test_signing_out_in_one_tab_shows_in_the_other(open_room: Callable[..., Any]) -> None:
    first, second, bob = open_room("alice"), open_room("alice"), open_room("bob")
    for page in (first, second, bob):
        wait_for_state(page, "connected")
    second.get_by_role("textbox").fill("half a sen")

    first.get_by_role("button", name="Sign out").click()
    first.get_by_role("heading", name="Sign in").wait_for()

    dialog = wait_for_dialog(second)
    assert second.title() == "Signed out · General · Chat"
    assert second.locator("#state").inner_text() == "Signed out"
    dialog.get_by_text("What you had not sent yet is kept").wait_for()
    assert second.evaluate("document.activeElement.textContent") == "Sign in again"
    send(bob, "not for alice")
    wait_for_message(bob, "not for alice")
    assert second.get_by_text("not for alice").count() == 0

    second.keyboard.press("Enter")
    second.get_by_label("Name").fill("alice")
    second.get_by_label("Password").fill("demo-alice")
    second.get_by_role("button", name="Sign in").click()
    wait_for_state(second, "connected")
    assert second.get_by_role("textbox").input_value() == "half a sen"
    wait_for_message(second, "not for alice")


@pytest.mark.live
@pytest.mark.browser
def test_what_is_below_the_dialog_says_the_same(open_room: Callable[..., Any]) -> None:
    first, second = open_room("alice"), open_room("alice")
    for page in (first, second):
        wait_for_state(page, "connected")
    first.get_by_role("button", name="Sign out").click()

    dialog = wait_for_dialog(second)
    assert not dialog.get_by_text("What you had not sent").is_visible()
    second.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    second.locator("#lost").get_by_text("You have been signed out.").wait_for()
    assert second.get_by_role("button", name="Sign out").count() == 0
    second.get_by_role("link", name="Sign in again").click()
    second.get_by_role("heading", name="Sign in").wait_for()


def change_user(page: Any, name: str) -> None:
    """Open the page of a user in the admin; the one who asks must be allowed to."""
    page.goto(page.url.partition("/rooms/")[0] + "/admin/auth/user/")
    page.get_by_role("link", name=name, exact=True).click()


@pytest.mark.live
@pytest.mark.browser
def test_somebody_whose_account_is_deactivated_is_signed_out(
    demo: Demo, open_room: Callable[..., Any]
) -> None:
    bob, admin = open_room("bob"), open_room("admin")
    wait_for_state(bob, "connected")
    with run_terminal(demo, "bob") as (client, wait_for):
        wait_for("connected to general")

        change_user(admin, "bob")
        admin.get_by_label("Active").uncheck()
        admin.get_by_role("button", name="Save", exact=True).click()

        wait_for_dialog(bob)
        wait_for("User inactive or deleted.")
        assert client.wait(TIMEOUT) == 1


@pytest.mark.live
@pytest.mark.browser
def test_somebody_is_disconnected_by_hand(demo: Demo, open_room: Callable[..., Any]) -> None:
    bob, admin = open_room("bob"), open_room("admin")
    wait_for_state(bob, "connected")
    admin.goto(f"{demo.url}/admin/auth/user/")
    admin.get_by_role("row", name="bob").get_by_role("checkbox").check()
    admin.locator('select[name="action"]').select_option("disconnect_users")
    admin.locator('button[name="index"]').click()
    wait_for_state(bob, "stopped")
    bob.locator("#lost").get_by_text("Whoever runs this site has ended your connection").wait_for()


# --- lost connections -------------------------------------------------------------------------

COMES_BACK = (1001, 1005, 1006, 1009, 1011, 1012, 1013, 4408, 4413, 4429, 4500, 4503)
GIVES_UP = (4400, 4401, 4403, 4404)

FAKE_SOCKET = """
async (codes) => {
  const { Connection } = await import("/static/chat/connection.js");
  class FakeSocket extends EventTarget {
    constructor() { super(); FakeSocket.last = this; }
    close() {}
    send() {}
  }
  window.WebSocket = FakeSocket;
  const states = [];
  const connection = new Connection("ws://fake/", {
    state: (name, { until }) => states.push([name, until ? until - Date.now() : null]),
    message: () => {},
    lost: () => {},
  });
  return codes.map((code) => {
    connection.open();
    FakeSocket.last.dispatchEvent(new CloseEvent("close", { code }));
    return states.at(-1);
  });
}
"""


@pytest.mark.parametrize("code", [*COMES_BACK, *GIVES_UP])
def test_the_terminal_client_gives_up_on_refusals_only(code: int) -> None:
    client = cli.Client("http://127.0.0.1", GENERAL, "token")
    received = None if code in (1005, 1006) else Close(code, "")
    error = ConnectionClosedError(received, None)
    if code in GIVES_UP:
        with pytest.raises(cli.Refused, match=str(code)):
            client.check_close(error)
    else:
        client.check_close(error)


def test_the_terminal_client_waits_longer_and_longer_with_jitter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Enough(Exception):
        pass

    limits: list[float] = []

    async def lose(self: Any) -> None:
        if len(limits) == 7:
            raise Enough
        raise ConnectionClosedError(Close(1012, "draining"), None)

    def draw(lowest: float, highest: float) -> float:
        assert lowest == 0
        limits.append(highest)
        return 0

    monkeypatch.setattr(cli.Client, "connect", lose)
    monkeypatch.setattr("chat.cli.random.uniform", draw)
    client = cli.Client("http://127.0.0.1", GENERAL, "token")
    # In a thread, for Playwright keeps an event loop running in this one.
    with ThreadPoolExecutor() as threads, pytest.raises(Enough):
        threads.submit(asyncio.run, client.run()).result()
    assert limits == [1, 2, 4, 8, 16, 30, 30]


@pytest.mark.live
def test_the_terminal_client_comes_back_when_the_server_does(demo: Demo) -> None:
    with run_terminal(demo, "bob") as (client, wait_for):
        wait_for("connected to general")
        demo.stop()  # closes with 1012
        wait_for("connection lost, trying again")
        demo.start()
        wait_for("connected to general")
        assert client.stdin
        client.stdin.write("back again\n")
        client.stdin.close()
        wait_for("bob: back again")
        assert client.wait(TIMEOUT) == 0


@pytest.mark.live
@pytest.mark.browser
def test_a_page_gives_up_on_refusals_only(open_room: Callable[..., Any]) -> None:
    page = open_room("alice")
    wait_for_state(page, "connected")
    for code in COMES_BACK:
        [[state, _]] = page.evaluate(FAKE_SOCKET, [code])
        assert (code, state) == (code, "waiting")
    for code in GIVES_UP:
        [[state, _]] = page.evaluate(FAKE_SOCKET, [code])
        assert (code, state) == (code, "stopped")


@pytest.mark.live
@pytest.mark.browser
def test_a_page_waits_longer_and_longer_with_jitter(open_room: Callable[..., Any]) -> None:
    page = open_room("alice")
    wait_for_state(page, "connected")
    page.evaluate("now = Date.now(); Date.now = () => now")
    for fraction in (1, 0.5):
        page.evaluate(f"Math.random = () => {fraction}")
        delays = [delay / 1_000 for _, delay in page.evaluate(FAKE_SOCKET, [1012] * 7)]
        assert delays == [fraction * seconds for seconds in (1, 2, 4, 8, 16, 30, 30)]
