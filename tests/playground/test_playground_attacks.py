"""The playground before servers, links and tokens that mean no good."""

import base64
import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from tests.browser import stop_clock
from tests.live.processes import Server
from tests.playground.conftest import (
    BY_NAME,
    LONGEST_PAUSES,
    PATH,
    SAVE,
    Card,
    OpenPage,
    Play,
    read_export,
)

pytestmark = [pytest.mark.browser, pytest.mark.live]

TOKEN = 'JWT tök"en/of+mine & 0123456789'


def look(page: Any) -> str:
    """Return all that the page shows and keeps, with what live regions have said."""
    page.evaluate(SAVE)
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    return str(page.url + page.content() + kept)


def get_spellings(token: str) -> list[str]:
    """Return a token as servers may write it."""
    encoded = base64.b64encode(token.encode()).decode()
    return [
        token,
        json.dumps(token)[1:-1],
        json.dumps(token, ensure_ascii=False)[1:-1],
        "".join(f"\\u{ord(each):04X}" for each in token),
        token.replace("/", "\\/"),
        quote(token, safe=""),
        quote_plus(token),
        encoded,
        encoded.replace("+", "-").replace("/", "_").rstrip("="),
        token.encode().hex(" "),
    ]


@pytest.mark.parametrize("way", ["subprotocol", "message", "query"])
def test_a_server_that_sends_the_token_back_in_any_spelling(
    play: Play, way: str, tmp_path: Any
) -> None:
    secret = TOKEN.removeprefix("JWT ")

    def echo(socket: Any) -> None:
        for text in [*get_spellings(TOKEN), *get_spellings(secret)]:
            socket.send(f'{{"action":"drawn","payload":"{text}"}}')
        socket.send(secret.encode())
        socket.send('{"action":"drawn","payload":"last"}')

    card, _ = play(echo, prepare=lambda card: card.use_token(TOKEN, way))
    card.wait_for_frame("received", "last")
    for row in card.root.locator(".frame summary").all():
        row.click()
    seen = look(card.root.page) + read_export(card.root.page, card, tmp_path)
    for spelling in get_spellings(secret):
        assert spelling not in seen
    assert "0123456789" not in seen


def test_the_token_in_status_texts_and_close_reasons(play: Play) -> None:
    def refuse(socket: Any) -> None:
        payload = {
            "status_code": 401,
            "status_text": "not-of-mine",
            "data": {"detail": "not-of-mine"},
        }
        socket.send(json.dumps({"action": "authentication", "payload": payload}))
        socket.close(code=4401, reason="not-of-mine is bad")

    card, _ = play(refuse, prepare=lambda card: card.use_token("not-of-mine"))
    card.wait_for_status("Closed · 4401")
    assert "••• is bad" in card.root.locator(".notice").inner_text()
    assert "not-of-mine" not in look(card.root.page)


def test_the_token_of_one_connection_is_hidden_in_the_others(play: Play) -> None:
    def tell(socket: Any) -> None:
        socket.send('{"action":"drawn","payload":"it is of-the-first"}')

    card, _ = play(tell, prepare=lambda card: card.use_token("of-the-first"))
    page = card.root.page
    card.wait_for_frame("received", "•••")
    page.get_by_role("button", name="Add connection").click()
    second = Card(page, 2)
    second.click("Connect")
    second.click("Connect anyway")  # without a token
    second.wait_for_frame("received", "it is •••")
    card.remove()
    card.click("Disconnect")  # which was the second
    card.click("Connect")
    card.click("Connect anyway")
    card.root.locator(".frame.received", has_text="it is •••").nth(1).wait_for()
    assert "of-the-first" not in look(page)


def test_a_token_is_not_kept_with_a_draft_or_a_parameter(
    page_site: Server, open_page: OpenPage
) -> None:
    page = open_page(f"http://127.0.0.1:{page_site.port}{PATH}?endpoint=drawing+by+name")
    card = Card(page)
    card.use_token("of-mine-0123")
    card.root.get_by_label("name", exact=True).fill("of-mine-0123")
    card.root.get_by_role("button", name="+ Query parameter").click()
    card.root.get_by_label("Name of a query parameter").fill("x")
    card.root.get_by_label("Its value").fill("my of-mine-0123")
    card.write('{"action": "draw", "payload": "of-mine-0123"}')
    page.get_by_role("button", name="Add connection").click()
    assert "of-mine-0123" not in look(page)
    page.reload()
    assert "of-mine-0123" not in look(page)


def test_messages_that_show_a_token_in_the_wrong_place(play: Play) -> None:
    card, received = play()
    for text in (
        '{"action": "authenticate", "token": "wrong-place"}',
        '{"action": "authenticate", "payload": {"token": ["wrong-place"]}}',
        '{"action": "authenticate", "payload": "wrong-place"}',
        '{"action": "authenticate", "payload": {"token": "wrong-place"',
    ):
        card.write(text)
        card.click("Send anyway")
    card.root.locator(".frame.sent").nth(3).wait_for()
    card.write("{}")
    assert len(received) == 4
    assert "wrong-place" not in look(card.root.page)


def test_subprotocols_that_may_be_a_token_are_not_kept(
    page_site: Server, open_page: OpenPage
) -> None:
    page = open_page(f"http://127.0.0.1:{page_site.port}{PATH}?endpoint=PlainConsumer")
    field = Card(page).root.get_by_label("Subprotocols")
    field.fill("graphql-ws")
    assert "graphql-ws" in look(page)
    field.fill("access_token, of-mine")
    assert "of-mine" not in look(page)
    field.fill("e30.e30.0123456789012345678901234567890123456789")
    assert "e30.e30" not in look(page)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 10_000 + "]" * 10_000,
        '{"action":"drawn","payload":' * 10_000 + "null" + "}" * 10_000,
        '{"action":"drawn","payload":9223372036854775808}',
        '{"action":"drawn","payload":NaN}',
        '{"action":"drawn","payload":"\u2028\u202e\\ud800\x00"}',
        '{"action":["drawn"],"payload":null}',
        '{"action":"__proto__","payload":null}',
        json.dumps({"action": "x" * 100_000, "payload": None}),
        json.dumps({"action": "authentication", "payload": None}),
        json.dumps({"action": "authentication", "payload": {"status_code": 418}}),
        '{"action":"authentication","payload":' + "x" * 300_000,
        json.dumps(
            {
                "action": "authentication",
                "payload": {"status_code": 200, "status_text": "x" * 9_999},
            }
        ),
        json.dumps({"action": "drawn", "payload": "x" * 10_000_000}),
    ],
    ids=range(14),
)
def test_hostile_frames_are_shown_and_harm_nothing(play: Play, text: str) -> None:
    def send(socket: Any) -> None:
        socket.send(text)
        socket.send('{"action":"drawn","payload":"last"}')

    card, _ = play(send)
    row = card.wait_for_frame("received", "last")
    card.root.locator(".frame.received summary").nth(-2).click()
    row.locator("summary").click()
    page = card.root.page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert len(card.status.inner_text()) < 300
    assert len(card.root.get_by_label("Filter by action").inner_text()) < 1_000


def test_actions_are_not_kept_without_end(play: Play) -> None:
    def send(socket: Any) -> None:
        for number in range(2_000):
            socket.send(json.dumps({"action": f"a{number}"}))

    card, _ = play(send)
    card.wait_for_frame("received", "a1999")
    assert card.root.get_by_label("Filter by action").locator("option").count() <= 102


def test_a_server_that_accepts_and_fails_is_not_called_without_pause(play: Play) -> None:
    def prepare(card: Card) -> None:
        card.root.get_by_label("Reconnect when it is lost").check()
        stop_clock(card.root.page)

    card, _ = play(lambda socket: socket.close(code=1011), prepare=prepare)
    clock = card.root.page.clock
    card.wait_for_status("Lost · attempt 1 ")
    clock.run_for(LONGEST_PAUSES[0])
    card.wait_for_status("Lost · attempt 2 ")
    clock.run_for(LONGEST_PAUSES[1])
    card.wait_for_status("Lost · attempt 3 ")
    card.click("Stop")
    card.root.get_by_role("button", name="Connect", exact=True).wait_for()
    clock.resume()
    # Each end is told once.
    card.root.locator(".frame.event", has_text="Closed · 1011").nth(2).wait_for()
    assert card.root.locator(".frame.event", has_text="Closed · 1011").count() == 3


@pytest.mark.parametrize(
    "search",
    [
        BY_NAME + "&p.__proto__=x&p.constructor=y&q.__proto__=z&q.toString=1",
        BY_NAME + "".join(f"&q.x{number}=1" for number in range(900)),
        BY_NAME + "&p.name=" + "x" * 50_000,
        BY_NAME + "&p.name=%00%0d%0a&q.%00=%00",
        BY_NAME + "&p.name=%ED%A0%80%FF",
        BY_NAME + "&p.<script>alert(1)</script>=1&auth=constructor",
        BY_NAME + "&endpoint=&auth=__proto__",
        "?endpoint=__proto__",
        "?endpoint=" + "x" * 50_000,
    ],
    ids=range(9),
)
def test_hostile_links_harm_nothing(page_site: Server, open_page: OpenPage, search: str) -> None:
    page = open_page(
        f"http://127.0.0.1:{page_site.port}{PATH}{search}", viewport={"width": 320, "height": 640}
    )
    card = Card(page)
    assert card.status.inner_text() == "Not connected"
    assert card.root.locator(".pair").count() <= 100
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert len(page.locator("#page-note").inner_text()) < 500


def test_two_tabs_keep_drafts_of_their_own(page_site: Server, open_page: OpenPage) -> None:
    url = f"http://127.0.0.1:{page_site.port}{PATH}{BY_NAME}"
    first = open_page(url)
    second = first.context.new_page()
    second.goto(url)
    Card(first).write('{"action": "of the first"}')
    Card(second).write('{"action": "of the second"}')
    first.reload()
    second.reload()
    first.reload()
    assert "of the first" in Card(first).editor.input_value()
    assert "of the second" in Card(second).editor.input_value()
    # A tab that comes later goes on where the last one is.
    third = first.context.new_page()
    third.goto(url)
    assert "of the" in Card(third).editor.input_value()


def test_keys_that_are_held_down_do_their_thing_once(
    page_site: Server, open_page: OpenPage
) -> None:
    page = open_page(f"http://127.0.0.1:{page_site.port}{PATH}")
    Card(page).root.wait_for()
    page.locator("main").focus()
    for _ in range(4):
        page.keyboard.down("n")
        page.locator("main").focus()
    assert page.locator(".connection").count() == 2


def test_a_button_that_is_pressed_twice_says_copied_for_a_moment(
    page_site: Server, open_page: OpenPage
) -> None:
    page = open_page(f"http://127.0.0.1:{page_site.port}{PATH}")
    stop_clock(page)
    page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: async () => {}}})"
    )
    button = page.locator(".url button")  # not by its name, which changes
    assert button.get_attribute("aria-label") == "Copy the URL"
    button.click()
    page.locator(".url button", has_not_text="Copy").wait_for()
    button.click()
    page.locator(".url button", has_text="Copied").wait_for()
    page.clock.run_for(5_000)
    assert button.inner_text() == "Copy"


def test_where_there_is_no_clipboard_the_focus_stays(
    page_site: Server, open_page: OpenPage
) -> None:
    page = open_page(f"http://127.0.0.1:{page_site.port}{PATH}")
    stop_clock(page)  # it is told for a moment
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    button = page.locator(".url button")  # not by its name, which changes
    assert button.get_attribute("aria-label") == "Copy the URL"
    button.focus()
    button.press("Enter")
    page.locator(".url button", has_not_text="Copy").wait_for()
    assert button.evaluate("element => element === document.activeElement")
