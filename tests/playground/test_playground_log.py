"""The log and the composer for those who read, type and listen: before a server that is played."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.browser import find_barriers
from tests.playground.conftest import SAVE, Card, Play, read_export

pytestmark = [pytest.mark.browser, pytest.mark.live]

LISTEN = """() => {
  window.said = [];
  const region = document.getElementById("announcer");
  const note = () => region.textContent && said.push(region.textContent);
  new MutationObserver(note).observe(region, {childList: true});
}"""
"""Has a page note what screen readers are told."""
COUNT = (
    "said.flatMap((each) => each.match(/^Connection 1: (\\d+) new frame/)?.[1] ?? []).map(Number)"
)
"""The numbers of frames that were only counted."""


def send(socket: Any, numbers: range) -> None:
    for number in numbers:
        socket.send(json.dumps({"action": "drawn", "payload": number}))


def wait_until_said(page: Any, text: str) -> None:
    page.wait_for_function("text => said.some(each => each.includes(text))", arg=text)


def get_top(row: Any) -> float:
    top: float = row.bounding_box()["y"]
    return round(top)


def start(play: Play, numbers: range) -> tuple[Card, list[Any]]:
    """Connect to a server that sends some frames; return its sockets, too."""
    sockets: list[Any] = []

    def handle(socket: Any) -> None:
        sockets.append(socket)
        send(socket, numbers)

    card, _ = play(handle)
    if numbers:
        card.wait_for_frame("received", str(numbers[-1]))
    card.wait_for_status("Connected")
    return card, sockets


def test_what_is_read_stays_where_it_is(play: Play) -> None:
    card, sockets = start(play, range(100, 200))
    row = card.wait_for_frame("received", "199")
    row.locator("summary").click()
    row.locator("pre").wait_for()
    top = get_top(row)
    send(sockets[0], range(200, 230))
    card.root.get_by_role("button", name="30 new").wait_for()
    assert get_top(row) == top
    card.click("Raw text")
    assert row.locator("pre").inner_text() == '{"action": "drawn", "payload": 199}'
    card.click("Raw text")
    assert row.locator("pre").inner_text().startswith("{\n")
    # A filter that leaves next to nothing, and the whole list again.
    card.root.get_by_label("Filter by text").fill("228")
    card.root.get_by_text("1 of 133").wait_for()
    card.root.get_by_label("Filter by text").fill("")
    assert row.locator("details[open] pre").inner_text().startswith("{\n")
    assert card.root.locator("details[open] pre").count() == 1
    place = card.root.locator(".frames").bounding_box()
    assert place["y"] - row.bounding_box()["height"] < get_top(row) < place["y"] + place["height"]
    # Who wants to see what comes is taken there, with the focus.
    send(sockets[0], range(230, 240))
    card.root.get_by_role("button", name="10 new").press("Enter")
    assert card.rows.last.locator("summary:focus").count() == 1
    send(sockets[0], range(240, 250))
    last = card.wait_for_frame("received", "249")
    card.root.page.wait_for_function(
        "list => list.scrollHeight - list.scrollTop - list.clientHeight < 2",
        arg=card.root.locator(".frames").element_handle(),
    )
    assert get_top(last) < place["y"] + place["height"]
    assert not card.root.locator(".latest").is_visible()


def test_tab_leads_to_the_newest_frame_and_stays_there(play: Play) -> None:
    card, sockets = start(play, range(100, 200))
    card.root.get_by_label("Filter by action").press("Tab")
    focused = card.root.locator("summary:focus")
    assert "199" in focused.inner_text()
    top = get_top(focused)
    send(sockets[0], range(200, 210))
    card.root.get_by_role("button", name="10 new").wait_for()
    assert get_top(focused) == top
    card.root.page.keyboard.press("ArrowUp")
    assert "198" in focused.inner_text()
    # The oldest go, and the focus with none of them.
    send(sockets[0], range(1_000, 2_000))
    card.wait_for_frame("received", "1999")
    assert card.root.locator(".frames :focus").count() == 1


def test_sending_and_answers_are_heard(play: Play) -> None:
    card, sockets = start(play, range(0))
    page = card.root.page
    page.evaluate(LISTEN)
    card.write('{"action": "erase", "payload": 3}')
    card.click("Send")
    wait_until_said(page, "Connection 1: sent")
    send(sockets[0], range(1))
    wait_until_said(page, "Connection 1: answered, drawn, ")
    # What others send is counted.
    send(sockets[0], range(20))
    page.wait_for_function(f"() => {COUNT}.reduce((sum, each) => sum + each, 0) === 20")
    # Of what comes within two seconds at once, and then ever more rarely: not one by one.
    assert page.evaluate(f"{COUNT}.length") < 5
    sockets[0].send('{"action": "error", "payload": null}')
    wait_until_said(page, "Connection 1: received, error")
    card.write('{"action": "erase", "payload": "x"}')
    card.click("Send")
    wait_until_said(page, "Not sent. payload must be a whole number")
    card.write('{"action": "draw", "payload": {"shape": {"kind": "circle"}, "extra": []}, "a": 1}')
    card.click("Send")
    wait_until_said(page, "Not sent. payload.tree is missing; ")


def test_the_focus_stays_on_send(play: Play) -> None:
    card, sockets = start(play, range(0))
    page = card.root.page
    card.write('{"action": "erase", "payload": 3}')
    button = card.root.get_by_role("button", name="Send", exact=True)
    button.press("Enter")
    card.wait_for_frame("sent", "erase")
    sockets[0].close(code=4000)
    card.wait_for_status("Closed · 4000")
    assert button.evaluate("it => it === document.activeElement")
    assert button.get_attribute("aria-disabled") == "true"
    page.evaluate(LISTEN)
    page.keyboard.press("Enter")
    wait_until_said(page, "Connect first.")
    assert card.root.locator(".frame.sent").count() == 1
    assert find_barriers(page) == []
    # An answer that never came is not that of the next connection.
    card.click("Connect")
    card.wait_for_status("Connected")
    send(sockets[1], range(7, 8))
    assert "ms" not in card.wait_for_frame("received", "7").locator(".figures").inner_text()


def test_a_cleared_log_can_be_had_back(play: Play) -> None:
    card, sockets = start(play, range(100, 110))
    many = card.rows.count()
    card.click("Clear")
    assert card.rows.count() == 0
    send(sockets[0], range(110, 112))
    card.wait_for_frame("received", "111")
    card.click("Undo")
    card.wait_for_frame("received", "100")
    assert card.rows.count() == many + 2
    assert "111" in card.rows.last.inner_text()
    assert card.root.get_by_role("button", name="Clear").evaluate(
        "it => it === document.activeElement"
    )
    assert not card.root.get_by_role("button", name="Undo").is_visible()


def test_long_binary_frames_say_how_much_of_them_is_kept(play: Play, tmp_path: Path) -> None:
    card, _ = play(lambda socket: socket.send(b"\x01" * 100_000))
    row = card.wait_for_frame("received", "binary")
    row.locator("summary").click()
    row.get_by_text("Copy gives the first 64.0 KB of 97.7 KB.").wait_for()
    frame = json.loads(read_export(card.root.page, card, tmp_path))["frames"][-1]
    assert (frame["size"], frame["kept_bytes"]) == (100_000, 64 * 1024)
    assert len(bytes.fromhex(frame["hex"])) == 64 * 1024


def test_long_actions_are_cut_where_it_shows(play: Play) -> None:
    action = "an_action_that_is_much_longer_than_there_is_room"
    card, _ = play(lambda socket: socket.send(json.dumps({"action": action})))
    badge = card.wait_for_frame("received", action).locator(".badge")
    assert badge.get_attribute("title") == action
    assert badge.evaluate("it => getComputedStyle(it).textOverflow") == "ellipsis"


def test_a_draft_is_kept_as_it_was_when_another_message_is_written(play: Play) -> None:
    card, _ = start(play, range(0))
    card.root.get_by_label("Message", exact=True).select_option("DrawMessage")
    card.root.get_by_text("JSON", exact=True).click()
    before = card.editor.input_value()
    card.editor.evaluate(
        "it => {const at = it.value.indexOf('draw'); it.focus(); it.setSelectionRange(at, at + 4)}"
    )
    card.root.page.keyboard.type("erase")
    message = card.root.get_by_label("Message", exact=True)
    assert message.input_value() == "EraseMessage"
    message.select_option("DrawMessage")
    assert card.editor.input_value() == before


def test_secrets_in_messages_are_not_kept(play: Play) -> None:
    card, _ = start(play, range(0))
    page = card.root.page
    card.write(
        '{"action": "draw", "payload": {"name": "Ann", "password": "hunter2",'
        ' "accessTokens": ["e30.e30"], "apiToken": 99887766, "size": 9007199254740993}}'
    )
    card.root.get_by_text("kept without its secrets").wait_for()
    page.evaluate(SAVE)
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "hunter2" not in stored
    assert "e30.e30" not in stored
    assert "99887766" not in stored
    page.reload()
    kept = card.editor.input_value()
    assert json.loads(kept)["payload"] == {
        "name": "Ann",
        "password": "",
        "accessTokens": [""],
        "apiToken": 0,
        "size": 9007199254740993,
    }
    card.write('{"action": "draw", "payload": {"password": "hunter2')
    card.root.get_by_text("not kept, it may show a secret").wait_for()
    page.evaluate(SAVE)
    assert "hunter2" not in page.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}])"
    )


def test_regions_have_names_of_their_own(play: Play) -> None:
    card, _ = start(play, range(0))
    page = card.root.page
    page.get_by_role("button", name="Add connection").click()
    for number in (1, 2):
        for name in ("Composer", "Log"):
            page.get_by_role("region", name=f"{name} of connection {number}").wait_for()


def test_log_keeps_so_much_and_no_more(play: Play) -> None:
    card, sockets = start(play, range(0))
    for number in range(40):
        sockets[0].send(json.dumps({"action": "drawn", "payload": str(number) + "x" * 1_000_000}))
    card.wait_for_frame("received", '"39xxx')
    card.root.get_by_text(re.compile(r"^15 · 2\d older dropped$")).wait_for()
    for number in range(1_100):
        sockets[0].send(json.dumps({"action": "drawn", "payload": number}))
    card.wait_for_frame("received", "1099")
    card.root.get_by_text(re.compile(r"^1000 · 1\d\d older dropped$")).wait_for()


@pytest.mark.parametrize("key", ["action", "a.c", 'a"c', "(a"])
def test_action_of_what_is_too_long_to_be_parsed(play: Play, key: str) -> None:
    card, _ = start(play, range(0))
    text = json.dumps({key: "drawn", "payload": "x" * 300_000})
    found = card.root.page.evaluate(
        """async ([url, key, text]) => {
          const { Log } = await import(url);
          return new Log(key).findAction(text);
        }""",
        ["/static/chanx/playground/log.js", key, text],
    )
    assert found == "drawn"
