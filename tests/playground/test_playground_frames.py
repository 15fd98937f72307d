"""The playground before servers that do what a test wants: the browser's own sockets are played."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.browser import find_barriers, stop_clock
from tests.live.processes import Server
from tests.playground.conftest import BY_NAME, PATH, SAVE, Card, OpenPage, Play, read_export

pytestmark = [pytest.mark.browser, pytest.mark.live]


def send_many(socket: Any) -> None:
    for number in range(3_000):
        socket.send(json.dumps({"action": "drawn", "payload": number}))


def test_thousands_of_frames_leave_the_last_thousand(play: Play, tmp_path: Path) -> None:
    card, _ = play(send_many)
    card.wait_for_frame("received", "2999")
    assert card.rows.count() == 1_000
    # Two events and the authentication message came before them.
    card.root.get_by_text("2,003 older dropped").wait_for()
    exported = json.loads(read_export(card.root.page, card, tmp_path))
    assert exported["dropped"] == 2_003
    assert len(exported["frames"]) == 1_000
    assert json.loads(exported["frames"][-1]["text"]) == {"action": "drawn", "payload": 2999}


def test_binary_frames_are_shown_as_such(play: Play) -> None:
    card, _ = play(lambda socket: socket.send(b"\x00\xffA"))
    row = card.wait_for_frame("received", "binary")
    assert "00 ff 41" in row.inner_text()
    assert "3 B" in row.inner_text()


def test_long_frames_are_cut_in_the_view_alone(play: Play, tmp_path: Path) -> None:
    text = json.dumps({"action": "drawn", "payload": "ä" * 300_000}, ensure_ascii=False)
    card, _ = play(lambda socket: socket.send(text))
    row = card.wait_for_frame("received", "drawn")
    assert "586.0 KB" in row.inner_text()  # of UTF-8
    row.locator("summary").click()
    row.get_by_text("Cut here.").wait_for()
    assert len(row.locator("pre").inner_text()) <= 20_000
    exported = json.loads(read_export(card.root.page, card, tmp_path))
    assert exported["frames"][-1]["text"] == text


def test_numbers_are_shown_as_they_came(play: Play) -> None:
    card, _ = play(
        lambda socket: socket.send('{"action":"drawn","payload":12345678901234567890.10}')
    )
    row = card.wait_for_frame("received", "drawn")
    row.locator("summary").click()
    assert '"payload": 12345678901234567890.10' in row.locator("pre").inner_text()


def test_what_comes_is_text_and_never_markup(play: Play) -> None:
    markup = '<img src=x onerror="document.title=1"><script>document.title=1</script>'
    card, _ = play(lambda socket: socket.send(json.dumps({"action": markup, "payload": markup})))
    row = card.wait_for_frame("received", "onerror")
    row.locator("summary").click()
    assert row.locator("img, script").count() == 0
    assert card.root.page.title() != "1"


@pytest.mark.parametrize("is_on", [True, False])
def test_heartbeats_are_answered_if_wanted(play: Play, is_on: bool) -> None:
    def prepare(card: Card) -> None:
        card.root.get_by_label("Answer heartbeats").set_checked(is_on)

    def ping(socket: Any) -> None:
        socket.send('{"action":"ping","payload":null}')
        socket.send('{"action":"drawn","payload":null}')

    card, received = play(ping, prepare=prepare)
    card.wait_for_frame("received", "drawn")
    assert received == (['{"action":"pong","payload":null}'] if is_on else [])


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (4429, "", ["4429 Too many requests", "reconnect after a while"]),
        (1012, "restart", ["1012 Service restart", "restart"]),
        (4999, "", ["4999", "A code of this application"]),
        (3000, "", ["3000", "registered"]),
    ],
)
def test_close_codes_are_explained(play: Play, code: int, reason: str, words: list[str]) -> None:
    card, _ = play(lambda socket: socket.close(code=code, reason=reason))
    card.wait_for_status(f"Closed · {code}")
    notice = card.root.locator(".notice").inner_text()
    for word in words:
        assert word in notice


def test_the_first_message_shows_the_token_to_the_server_alone(play: Play) -> None:
    card, received = play(prepare=lambda card: card.use_token("tök-en-0123456789", "message"))
    frame = card.wait_for_frame("sent", "•••")
    assert json.loads(received[0])["payload"]["token"] == "tök-en-0123456789"
    assert "tök-en" not in frame.inner_text()
    assert f"{len(received[0].encode())} B" in frame.inner_text()


def test_what_is_not_of_chanx_gets_plain_text(play: Play) -> None:
    card, received = play(search="?endpoint=PlainConsumer")
    card.wait_for_status("Connected")
    assert card.root.get_by_text("Nothing is known of PlainConsumer but its path.").count() == 1
    card.editor.fill("hello, no JSON")
    card.click("Send")
    card.wait_for_frame("sent", "hello, no JSON")
    assert received == ["hello, no JSON"]


def test_the_fourth_connection_is_as_good_as_the_first(play: Play) -> None:
    card, _ = play()
    page = card.root.page
    for number in (2, 3, 4):
        page.get_by_role("button", name="Add connection").click()
        Card(page, number).click("Connect")
    for number in (1, 2, 3, 4):
        Card(page, number).wait_for_status("Connected")


def test_a_token_in_the_query_string_is_shown_nowhere(play: Play) -> None:
    urls: list[str] = []

    def prepare(card: Card) -> None:
        card.use_token("of-the-query", "query")

    card, _ = play(lambda socket: urls.append(socket.url), prepare=prepare)
    card.wait_for_status("Connected")
    assert urls[0].endswith("/ws/drawings/x/?layer%5B%5D=a&token=of-the-query")
    card.root.page.evaluate(SAVE)
    assert "of-the-query" not in card.root.page.content()
    assert "of-the-query" not in card.root.page.url
    assert "of-the-query" not in card.root.page.evaluate("JSON.stringify({...localStorage})")


@pytest.mark.parametrize(("code", "status"), [(4403, "Closed · 4403"), (1013, "Lost · attempt 1")])
def test_only_what_may_get_better_is_tried_again(play: Play, code: int, status: str) -> None:
    def prepare(card: Card) -> None:
        card.root.get_by_label("Reconnect when it is lost").check()
        stop_clock(card.root.page)  # the next attempt is made after half a second

    card, _ = play(lambda socket: socket.close(code=code), prepare=prepare)
    card.wait_for_status(status)
    if "Lost" in status:
        card.click("Stop")
        card.root.get_by_role("button", name="Connect", exact=True).wait_for()


def test_what_is_missing_is_named_before_it_connects(play: Play) -> None:
    def prepare(card: Card) -> None:
        card.root.get_by_label("Authenticate with").select_option("message")

    card, received = play(search="?endpoint=drawing+by+name&p.name=x", prepare=prepare)
    errors = card.root.get_by_text("Empty: fill it in, or connect anyway.")
    assert errors.count() == 2
    layer = card.root.get_by_label("?layer[]")
    assert layer.evaluate("element => element === document.activeElement")
    assert layer.get_attribute("aria-invalid") == "true"
    assert card.rows.count() == 0
    page = card.root.page
    assert find_barriers(page) == []
    # What is filled in is not wrong any more; the rest still is.
    layer.fill("a")
    assert errors.filter(visible=True).count() == 1
    assert not card.root.get_by_role("button", name="Connect anyway").is_visible()
    card.click("Connect")
    anyway = card.root.get_by_role("button", name="Connect anyway")
    anyway.focus()
    card.root.page.keyboard.press("Enter")
    card.wait_for_status("Connected")
    card.root.locator(":focus").wait_for()  # and not lost with the button
    assert received == []
    assert not card.root.get_by_label("Token", exact=True).is_visible()
    # A reload forgets tokens: their fields are not folded away.
    page.evaluate(SAVE)
    page.reload()
    assert card.root.get_by_label("Token", exact=True).is_visible()


def test_who_is_not_logged_in_is_told_what_the_server_waits_for(
    page_site: Server, open_page: OpenPage
) -> None:
    page = open_page(f"http://127.0.0.1:{page_site.port}{PATH}{BY_NAME}")
    sockets: list[Any] = []
    page.route_web_socket("**", lambda socket: sockets.append(socket))
    page.reload()
    card = Card(page)
    note = card.root.get_by_text("Nobody is logged in on this site. Log in, or choose a token.")
    assert "warn" in str(note.get_attribute("class"))
    card.click("Connect")
    card.root.get_by_text("The server waits for a token").wait_for()
    assert card.root.get_by_text("Disconnect to change the settings.").is_visible()
    assert find_barriers(page) == []
    payload = {"status_code": 408, "status_text": "Request Timeout", "data": {"detail": "Late"}}
    sockets[0].send(json.dumps({"action": "authentication", "payload": payload}))
    sockets[0].close(code=4408)
    card.wait_for_status("Refused · 4408")
    notice = card.root.locator(".notice").inner_text()
    assert "You are not logged in on this site." in notice
    assert "in time" not in notice


def test_the_last_error_of_the_server_is_told_with_the_code(play: Play) -> None:
    def refuse(socket: Any) -> None:
        error = {"type": "missing", "loc": ["since"], "msg": "Field required"}
        socket.send(json.dumps({"action": "error", "payload": [error]}))
        socket.close(code=4400)

    card, _ = play(refuse)
    card.wait_for_status("Closed · 4400")
    notice = card.root.locator(".notice").inner_text()
    assert "The last message was an error: since: Field required" in notice.replace('"', "")
    assert "what the URL says" in notice


def test_what_the_browser_refuses_is_told(page_site: Server, open_page: OpenPage) -> None:
    page = open_page(f"http://127.0.0.1:{page_site.port}{PATH}{BY_NAME}")
    page.evaluate(
        "() => { window.WebSocket = function () { throw new DOMException('', 'SecurityError'); } }"
    )
    card = Card(page)
    card.click("Connect")
    card.root.locator(".notice", has_text="SECURE_PROXY_SSL_HEADER").wait_for()
    assert card.status.inner_text() == "Not connected"
