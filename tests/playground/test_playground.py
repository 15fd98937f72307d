"""The playground on the example chat, live."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser import find_barriers, stop_clock
from tests.examples.demo import Demo
from tests.playground.conftest import LONGEST_PAUSES, PATH, SAVE, Card, OpenPage, read_export

pytestmark = [pytest.mark.browser, pytest.mark.live]

LISTEN = """() => {
  const observe = (element, tell) => new MutationObserver(tell).observe(
    element, {attributes: true, childList: true, subtree: true});
  window.said = [];
  window.moved = new Set();
  const region = document.getElementById("announcer");
  observe(region, () => { if (region.textContent) said.push(region.textContent); });
  const composer = document.querySelector(".composer");
  observe(document.querySelector(".connection"), () => moved.add(composer.offsetTop));
}"""
"""Has a page note what live regions say, and where the first composer stands."""


def test_the_session_of_the_browser_connects(chat: Demo, open_page: OpenPage) -> None:
    page = open_page(chat.url + PATH, chat, "alice")
    card = Card(page)
    assert card.root.get_by_text("Logged in as alice").is_visible()
    card.root.get_by_label("slug").fill("general")
    card.root.get_by_label("slug").press("Enter")
    card.wait_for_status("Connected")
    card.wait_for_frame("event", "Open, subprotocol chanx")
    card.wait_for_frame("received", "authentication")


def test_a_token_connects_where_nobody_is_signed_in(chat: Demo, open_page: OpenPage) -> None:
    card = Card(open_page(chat.url + PATH))
    assert card.root.get_by_text("Nobody is logged in on this site.").is_visible()
    card.use_token(chat.get_token("bob"))
    card.connect()
    card.wait_for_status("Connected")


def test_what_one_connection_says_arrives_in_the_other(chat: Demo, open_page: OpenPage) -> None:
    page = open_page(chat.url + PATH, chat, "alice")
    alice, bob = Card(page, 1), Card(page, 2)
    alice.connect()
    alice.wait_for_status("Connected")
    # Two are told apart by where they go and whose they are.
    assert alice.root.get_by_role("heading", level=2).inner_text().endswith("general")
    assert alice.root.locator("summary", has_text="alice · This browser").is_visible()
    page.get_by_role("button", name="Add connection").click()
    assert bob.root.get_by_label("slug").input_value() == "general"  # a copy of the last one
    bob.use_token(chat.get_token("bob"))
    bob.click("Connect")
    bob.wait_for_status("Connected")
    alice.say("Does it work?")
    alice.wait_for_frame("sent", "Does it work?")
    reply = alice.wait_for_frame("received", "Does it work?")
    assert re.search(r"\+[\d.]+ ms", reply.inner_text())
    received = bob.wait_for_frame("received", "Does it work?")
    assert "ms" not in received.locator(".figures").inner_text()  # it answers nothing of bob's
    received.locator("summary").click()
    assert '"author": "alice"' in received.locator("pre").inner_text()


def test_a_wrong_message_is_shown_before_it_is_sent(chat: Demo, open_page: OpenPage) -> None:
    page = open_page(chat.url + PATH, chat, "alice")
    card = Card(page)
    card.connect()
    card.wait_for_status("Connected")
    card.write('{"action": "chat", "payload": {}}')
    card.click("Send")
    card.root.locator(".problems li").first.wait_for()
    assert card.editor.get_attribute("aria-invalid") == "true"
    assert card.root.locator(".frame.sent").count() == 0
    card.click("Send anyway")
    card.wait_for_frame("sent", "{}")
    card.wait_for_frame("received", "Field required")
    # What is no JSON can be sent, too.
    card.write('{"action": ')
    assert "Line 1, column 12" in card.root.locator(".problems").inner_text()
    card.click("Send anyway")
    card.wait_for_frame("sent", '{"action":')
    assert find_barriers(page) == []


def test_form_and_json_are_of_one_draft(chat: Demo, open_page: OpenPage) -> None:
    page = open_page(chat.url + PATH, chat, "alice")
    card = Card(page)
    card.connect()
    card.wait_for_status("Connected")
    card.root.get_by_label("Message", exact=True).select_option("ChatMessage")
    text = card.root.get_by_role("textbox", name=re.compile("^text"))
    text.fill("from the form")
    text.press("Control+Enter")
    card.wait_for_frame("received", "from the form")
    card.root.get_by_text("JSON", exact=True).click()
    draft = json.loads(card.editor.input_value())
    assert draft["payload"]["text"] == "from the form"
    draft["payload"]["text"] = ""
    card.editor.fill(json.dumps(draft))
    card.root.get_by_text("Form", exact=True).click()
    assert text.input_value() == ""
    assert text.get_attribute("aria-invalid") == "true"
    card.click("Send")
    assert card.root.locator(".frame.sent").count() == 1
    assert text.evaluate("element => element === document.activeElement")
    assert find_barriers(page) == []
    # The message follows the action that is written; a form needs JSON that is right.
    card.write('{"action": "ping"}')
    assert card.root.get_by_label("Message", exact=True).input_value() == "PingMessage"
    card.editor.fill("{")
    card.root.get_by_text("Form", exact=True).click()
    assert card.editor.is_visible()
    assert card.editor.input_value() == "{"


def test_refusals_are_explained(chat: Demo, open_page: OpenPage) -> None:
    page = open_page(chat.url + PATH)
    card = Card(page)
    card.connect()
    card.wait_for_status("Refused · 4401")
    notice = card.root.locator(".notice").inner_text()
    assert "You are not logged in" in notice
    # The server's words first, and no general ones after them.
    assert notice.index("credentials were not provided") < notice.index("You are not logged in")
    assert notice.endswith("Close code 4401 Unauthorized.")
    # It comes back to the page as it is when the link is followed.
    card.root.get_by_label("slug").fill("other")
    page.evaluate(SAVE)
    with page.expect_request("**/login/**") as request:
        card.root.locator(".notice a").click()
    # One cannot go back from where one has not arrived.
    page.get_by_role("button", name="Sign in").wait_for()
    query = parse_qs(urlsplit(request.value.url).query)
    assert query == {"next": [f"{PATH}?endpoint=RoomConsumer&p.slug=other"]}
    page.go_back()
    assert card.root.get_by_label("slug").input_value() == "other"
    assert find_barriers(page) == []
    card.use_token("wrong-token")
    card.click("Connect")
    card.root.get_by_text("The token is not good").wait_for()
    card.use_token(chat.get_token("bob"))
    card.connect("nowhere")
    card.wait_for_status("Refused · 4404")
    assert "Look at the parameters" in card.root.locator(".notice").inner_text()


def test_a_fresh_token_that_is_refused_leaves_the_connection(
    chat: Demo, open_page: OpenPage
) -> None:
    card = Card(open_page(chat.url + PATH))
    card.use_token(chat.get_token("bob"))
    card.connect()
    card.wait_for_status("Connected")
    card.root.get_by_text("Settings", exact=False).first.click()
    card.root.get_by_label("Token", exact=True).fill("another-token")
    card.click("Send as a message now")
    card.root.get_by_text("The fresh token was refused: 401").wait_for()
    assert card.status.inner_text() == "Connected"


def test_parameters_that_do_not_fit_do_not_connect(chat: Demo, open_page: OpenPage) -> None:
    card = Card(open_page(chat.url + PATH))
    slug = card.root.get_by_label("slug")
    card.click("Connect")
    assert card.root.get_by_text("Required.").is_visible()
    slug.fill("a b")
    card.click("Connect")
    assert card.root.get_by_text("Does not fit.").is_visible()
    assert slug.get_attribute("aria-invalid") == "true"
    assert card.rows.count() == 0


def test_a_lost_server_is_come_back_to(tmp_path: Path, open_page: OpenPage) -> None:
    demo = Demo(tmp_path)
    demo.start()
    try:
        page = open_page(demo.url + PATH, demo, "alice")
        card = Card(page)
        card.root.get_by_label("Reconnect when it is lost").check()
        card.connect()
        card.wait_for_status("Connected")
        page.evaluate(LISTEN)
        stop_clock(page)
        demo.stop()
        card.wait_for_status("Lost · attempt 1 ")
        page.clock.run_for(LONGEST_PAUSES[0])
        card.wait_for_status("Lost · attempt 2 ")
        # While it is tried again nothing moves, what was unfolded stays so, and it is said once.
        card.root.get_by_text("What it can be").click()
        page.evaluate("moved.clear()")
        page.clock.run_for(LONGEST_PAUSES[1])
        card.wait_for_status("Lost · attempt 3 ")
        assert card.root.get_by_text("The server is not running").is_visible()
        assert page.evaluate("moved.size") <= 1
        assert page.evaluate("said") == ["Connection 1: lost, trying again"]
        demo.start()
        page.clock.run_for(LONGEST_PAUSES[2])
        card.wait_for_status("Connected")
        page.clock.resume()
        page.wait_for_function("() => said.at(-1) === 'Connection 1: Connected'")
        card.say("Back again")
        card.wait_for_frame("received", "Back again")
        # Without the wish to reconnect, the page says what it knows.
        card.root.get_by_text("Settings", exact=False).first.click()
        card.root.get_by_label("Reconnect when it is lost").uncheck()
        demo.stop()
        card.wait_for_status("Closed · 10")
        card.click("Connect")
        card.wait_for_status("Handshake failed")
        assert "The server is not running" in card.root.locator(".notice").inner_text()
        assert find_barriers(page) == []
    finally:
        demo.stop()


def test_a_reload_keeps_all_but_the_token(chat: Demo, open_page: OpenPage) -> None:
    page = open_page(chat.url + PATH)
    first = Card(page, 1)
    first.use_token("a-token-of-mine")
    first.root.get_by_label("slug").fill("general")
    first.root.get_by_role("button", name="+ Query parameter").click()
    first.root.get_by_label("Name of a query parameter").fill("x")
    first.root.get_by_label("Its value").fill("1 & 2")
    first.write('{"action": "chat", "payload": {"text": "unsent"}}')
    page.get_by_role("button", name="Add connection").click()
    second = Card(page, 2)
    second.root.get_by_label("slug").fill("other")
    assert second.root.get_by_label("Token", exact=True).input_value() == ""
    page.reload()
    query = "?endpoint=RoomConsumer&p.slug=general&q.x=1+%26+2&auth=subprotocol"
    assert page.evaluate("location.search") == query
    assert first.root.locator(".url-text").inner_text().endswith("general/?x=1+%26+2")
    assert "unsent" in first.editor.input_value()
    assert first.root.get_by_label("Token", exact=True).input_value() == ""
    assert first.root.get_by_text("a reload forgets it").is_visible()
    assert second.root.get_by_label("slug").input_value() == "other"
    # Nothing connects by itself.
    assert first.status.inner_text() == "Not connected"
    # The first connection is in the URL, for somebody who has nothing stored.
    other = Card(open_page(chat.url + PATH + query))
    assert other.root.get_by_label("slug").input_value() == "general"
    assert other.root.get_by_label("Authenticate with").input_value() == "subprotocol"


def test_the_token_is_nowhere(chat: Demo, open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(chat.url + PATH)
    card = Card(page)
    token = chat.get_token("bob")
    card.use_token(token)
    card.connect()
    card.wait_for_status("Connected")
    card.root.get_by_text("Settings", exact=False).first.click()
    card.click("Send as a message now")
    card.wait_for_frame("sent", "•••")
    authenticate = {"action": "authenticate", "payload": {"token": "of-the-composer"}}
    card.write(json.dumps(authenticate))
    for button in ("Send", "Send anyway"):
        if card.root.get_by_role("button", name=button, exact=True).is_visible():
            card.click(button)
    card.root.locator(".frame.sent").nth(1).wait_for()
    # As text of a message, and in one that the server sends back to everybody.
    card.say(f"my token is {token}")
    card.wait_for_frame("received", "my token is •••")
    encoded = page.evaluate("token => btoa(token).replace(/=+$/, '')", token)
    exported = read_export(page, card, tmp_path)
    assert "my token is •••" in exported
    card.write("{}")
    page.reload()
    page.goto(page.url)
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    cookies = json.dumps(page.context.cookies())
    html = page.content()
    for secret in (token, encoded, "of-the-composer"):
        for place in (page.url, stored, cookies, exported, html, *page.lines):
            assert secret not in place


def test_the_token_is_not_in_the_page_while_it_is_used(chat: Demo, open_page: OpenPage) -> None:
    page = open_page(chat.url + PATH)
    card = Card(page)
    token = chat.get_token("bob")
    card.use_token(token)
    card.connect()
    card.wait_for_status("Connected")
    page.evaluate(SAVE)
    assert token not in page.content()
    assert token not in page.url
    assert token not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    card.remove()
    assert Card(page).root.get_by_label("Token", exact=True).input_value() == ""


def test_everything_works_with_keys_alone(chat: Demo, open_page: OpenPage) -> None:
    page = open_page(chat.url + PATH, chat, "alice")
    press = page.keyboard.press
    card = Card(page)
    press("1")  # goes to the first field that is to be filled in
    assert page.evaluate("document.activeElement.labels[0].textContent") == "slug"
    page.keyboard.type("general")
    press("Enter")
    card.wait_for_status("Connected")
    card.root.locator(".composer :focus").wait_for()
    card.write('{"action": "chat", "payload": {"text": "typed"}}')
    card.editor.focus()
    press("Control+Enter")
    card.wait_for_frame("received", "typed")
    card.editor.press("Tab")
    assert not card.editor.evaluate("element => element === document.activeElement")
    last = card.root.locator(".frame summary").last
    last.focus()
    press("ArrowUp")
    press("Enter")
    assert card.root.locator(".frame.sent details[open] pre").inner_text().startswith("{")
    press("/")
    page.keyboard.type("no such frame")
    card.root.get_by_text("No matching frames.").wait_for()
    press("Escape")
    last.focus()
    press("?")
    page.get_by_role("heading", name="Keys").wait_for()
    assert find_barriers(page) == []
    press("Escape")
    press("n")
    Card(page, 2).root.wait_for()
    # Letters are letters where people type.
    Card(page, 2).root.get_by_label("slug").press_sequentially("nc?/1")
    assert page.locator(".connection").count() == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_stands_in_anybodys_way(
    chat: Demo, open_page: OpenPage, scheme: str, width: int
) -> None:
    viewport = {"width": width, "height": 844}
    page = open_page(chat.url + PATH, chat, "alice", color_scheme=scheme, viewport=viewport)
    card = Card(page)
    card.connect()
    card.wait_for_status("Connected")
    page.get_by_role("button", name="Add connection").click()
    card.say("long " * 100)
    card.wait_for_frame("received", "long").locator("summary").click()
    assert find_barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_each_log_has_its_own_filter(chat: Demo, open_page: OpenPage) -> None:
    card = Card(open_page(chat.url + PATH, chat, "alice"))
    card.connect()
    card.wait_for_status("Connected")
    card.say("seen")
    card.wait_for_frame("received", "seen")
    card.root.get_by_label("Filter by action").select_option("-")
    assert card.root.locator(".frame", has_text="authentication").count() == 0
    card.root.get_by_label("Filter by direction").select_option("sent")
    assert card.rows.count() == 1
    card.root.get_by_label("Filter by direction").select_option("")
    card.root.get_by_label("Filter by action").select_option("=chat")
    assert card.rows.count() == 2
    card.root.get_by_label("Filter by text").fill("CLIENT_ID")
    assert card.rows.count() == 1
    card.click("Clear")
    assert card.rows.count() == 0


def get_data(page: Any) -> Any:
    return page.evaluate("JSON.parse(document.getElementById('chanx-data').textContent)")


def test_the_page_tells_its_script_where_and_who(chat: Demo, open_page: OpenPage) -> None:
    data = get_data(open_page(chat.url + PATH, chat, "alice"))
    assert data["server"] == chat.url.replace("http", "ws", 1)
    assert data["user"] == "alice"
    assert data["close_codes"]["4401"]


def test_a_double_click_connects_and_keys_go_on_in_the_composer(
    chat: Demo, open_page: OpenPage
) -> None:
    card = Card(open_page(chat.url + PATH, chat, "alice"))
    card.root.get_by_label("slug").fill("general")
    card.root.get_by_role("button", name="Connect", exact=True).dblclick()
    card.wait_for_status("Connected")
    assert card.root.locator(".frame", has_text="Closed by you").count() == 0
    card.root.get_by_text("Settings", exact=False).first.click()
    assert card.root.get_by_text("Disconnect to change these.").is_visible()
    card.click("Disconnect")
    card.wait_for_status("Closed")
    card.root.get_by_role("button", name="Connect", exact=True).press("Enter")
    card.root.locator(".composer :focus").wait_for()


def test_a_session_that_ends_is_told_of(chat: Demo, open_page: OpenPage) -> None:
    page = open_page(chat.url + PATH, chat, "alice")
    card = Card(page)
    card.connect()
    card.wait_for_status("Connected")
    other = page.context.new_page()
    other.goto(chat.url)
    other.get_by_role("button", name="Sign out").click()
    card.wait_for_status("Closed · 4401")
    notice = card.root.locator(".notice")
    assert "You are not logged in on this site." in notice.inner_text()
    card.root.get_by_text("Settings", exact=False).first.click()
    card.root.get_by_text("Nobody is logged in on this site.").wait_for()


def test_single_keys_are_one_switch_for_both_pages(chat: Demo, open_page: OpenPage) -> None:
    # As wide as 1440 pixels at a zoom of 250 %.
    page = open_page(chat.url + PATH, viewport={"width": 576, "height": 844})
    page.locator("#show-keys").click()
    page.get_by_label("Single-key shortcuts").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("n")
    assert page.locator(".connection").count() == 1
    page.goto(f"{chat.url}/chanx/")
    search = page.locator("#search")
    search.wait_for()
    page.keyboard.press("/")
    assert not search.evaluate("element => element === document.activeElement")
    page.evaluate("localStorage.removeItem('chanx.keys')")
    page.keyboard.press("/")
    assert search.evaluate("element => element === document.activeElement")
