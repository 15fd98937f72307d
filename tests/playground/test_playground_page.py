"""What the playground makes of what it is given: descriptions, URLs, and what was stored."""

from typing import Any

import pytest

from tests.browser import find_barriers
from tests.live.processes import Server
from tests.playground.conftest import BY_NAME, PATH, SAVE, Card, OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.live]


@pytest.fixture
def url(page_site: Server) -> str:
    return f"http://127.0.0.1:{page_site.port}{PATH}"


def get_names(page: Any) -> list[str]:
    names: list[str] = page.locator(".connection").first.evaluate(
        "card => Array.from(card.querySelector('[id$=-endpoint]').options, each => each.value)"
    )
    return names


def test_every_endpoint_can_be_chosen(url: str, open_page: OpenPage) -> None:
    page = open_page(url)
    card = Card(page)
    names = get_names(page)
    assert {"drawing by name", "größe ändern", "PlainConsumer"} < set(names)
    for name in names:
        card.root.get_by_label("Endpoint").select_option(name)
        assert card.root.get_by_role("heading", level=2).inner_text().endswith(name)
        assert find_barriers(page) == []


def test_query_parameters_are_those_that_are_declared(url: str, open_page: OpenPage) -> None:
    card = Card(open_page(f"{url}?endpoint=drawing+by+name&p.name=x&q.colour=red&q.more=1"))
    assert card.root.get_by_label("?colour").input_value() == "red"
    assert card.root.get_by_label("Name of a query parameter").input_value() == "more"
    assert card.root.get_by_text("Changes after this version <i>.").is_visible()
    card.root.get_by_label("?since_version").fill("3")
    text = card.root.locator(".url-text")
    assert text.inner_text().endswith("/x/?colour=red&more=1&since_version=3")
    card.root.get_by_role("button", name="Remove", exact=True).click()
    assert text.inner_text().endswith("/x/?colour=red&since_version=3")


def test_docstrings_are_text(url: str, open_page: OpenPage) -> None:
    page = open_page(url)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    page.reload()
    Card(page).root.wait_for()
    assert page.locator("main script").count() == 0
    assert dialogs == []


def test_parameters_are_encoded(url: str, open_page: OpenPage) -> None:
    page = open_page(f"{url}?endpoint=größe+ändern&p.größe=a%20b?%23%25")
    text = Card(page).root.locator(".url-text").inner_text()
    assert text.endswith("/ws/alt/a%20b%3F%23%25/")
    card = Card(open_page(f"{url}?endpoint=OldConsumer_ws_old_rest&p.rest=a/b%20c"))
    assert card.root.locator(".url-text").inner_text().endswith("/ws/old/a/b%20c")
    card.root.get_by_label("rest").fill("a/../b")
    card.click("Connect")
    card.root.get_by_text("A URL cannot hold").wait_for()


def test_an_endpoint_that_is_not_there_is_told(url: str, open_page: OpenPage) -> None:
    page = open_page(f"{url}?endpoint=<b>gone</b>")
    page.get_by_text("There is no endpoint “<b>gone</b>” on this site.").wait_for()
    assert Card(page).status.inner_text() == "Not connected"


def test_the_url_says_nothing_of_the_server(url: str, open_page: OpenPage) -> None:
    search = "?endpoint=drawing+by+name&p.name=//evil.example/&server=wss://evil.example"
    card = Card(open_page(url + search))
    text = card.root.locator(".url-text").inner_text()
    assert text.startswith(url.replace("http", "ws", 1).removesuffix(PATH) + "/ws/drawings/")
    assert card.status.inner_text() == "Not connected"


def test_secrets_in_urls_are_not_taken(url: str, open_page: OpenPage) -> None:
    page = open_page(f"{url}?endpoint=drawing+by+name&q.token=secret-of-mine&auth=query")
    Card(page).root.wait_for()
    assert "secret-of-mine" not in page.url
    assert "secret-of-mine" not in page.content()


@pytest.mark.parametrize(
    "stored",
    [
        "{",
        "null",
        '"text"',
        '{"version": 99, "connections": [{"endpoint": "x"}]}',
        '{"version": 1, "connections": {"0": 1}}',
        '{"version": 1, "connections": [null, 3, [], {"endpoint": 4, "drafts": [1, {}],'
        ' "query": [1, [2], ["a", {}]], "parameters": "x", "mode": 7}]}',
        '{"version": 1, "connections": [{"endpoint": "drawing by name", "query": "x",'
        ' "parameters": {"name": 4, "__proto__": "x"}, "drafts": {"drawing by name DrawMessage":'
        ' "{"}}]}',
    ],
)
@pytest.mark.parametrize("storage", ["localStorage", "sessionStorage"])
def test_what_was_stored_may_be_anything(
    url: str, open_page: OpenPage, stored: str, storage: str
) -> None:
    page = open_page(url)
    page.goto("about:blank")
    page.add_init_script(f"{storage}.setItem('chanx.playground.{PATH}', {stored!r})")
    page.goto(url)
    assert Card(page).status.inner_text() == "Not connected"


@pytest.mark.parametrize("missing", [["localStorage"], ["localStorage", "sessionStorage"]])
def test_without_storage_it_works(url: str, open_page: OpenPage, missing: list[str]) -> None:
    page = open_page(url)
    page.goto("about:blank")
    for storage in missing:
        page.add_init_script(
            f"Object.defineProperty(window, '{storage}', "
            "{get() { throw new DOMException('no') }})"
        )
    page.goto(url)
    assert Card(page).status.inner_text() == "Not connected"


def test_each_tab_keeps_what_is_its_own(url: str, open_page: OpenPage) -> None:
    first = open_page(url)
    Card(first).root.get_by_label("Endpoint").select_option("größe ändern")
    Card(first).root.get_by_label("Reconnect").check()
    first.evaluate(SAVE)
    second = first.context.new_page()
    second.goto(url)
    # A new one begins with what was kept last.
    assert Card(second).root.get_by_label("Reconnect").is_checked()
    Card(second).root.get_by_label("Reconnect").uncheck()
    second.evaluate(SAVE)
    first.reload()
    assert Card(first).root.get_by_label("Reconnect").is_checked()
    # One in which nothing has changed since leaves what the other has kept.
    first.close()
    third = second.context.new_page()
    third.goto(url)
    assert not Card(third).root.get_by_label("Reconnect").is_checked()


def test_query_parameters_say_what_is_allowed(url: str, open_page: OpenPage) -> None:
    card = Card(open_page(f"{url}?endpoint=drawing+by+name"))
    assert card.root.get_by_text("One of: red, blue.").is_visible()
    colour = card.root.get_by_label("?colour")
    assert colour.evaluate("input => Array.from(input.list.options, each => each.value)") == [
        "red",
        "blue",
    ]


def test_a_query_parameter_may_stand_there_twice(url: str, open_page: OpenPage) -> None:
    card = Card(open_page(f"{url}?endpoint=drawing+by+name&p.name=x&q.colour=red&q.colour=blue"))
    assert card.root.get_by_label("Its value").input_value() == "blue"
    card.root.get_by_label("?colour").fill("green")
    assert card.root.locator(".url-text").inner_text().endswith("/x/?colour=green&colour=blue")
    card.root.get_by_label("?colour").fill("")
    assert card.root.locator(".url-text").inner_text().endswith("/x/?colour=blue")


def test_a_link_to_an_endpoint_goes_to_what_is_to_be_filled_in(
    url: str, open_page: OpenPage
) -> None:
    page = open_page(f"{url}?endpoint=drawing+by+name&p.name=x")
    layer = Card(page).root.get_by_label("?layer[]")
    assert layer.evaluate("element => element === document.activeElement")
    hint = str(layer.get_attribute("aria-describedby")).split()[0]
    assert page.locator(f"#{hint}").inner_text() == "Required."


def test_nobody_is_asked_where_nobody_has_to_be_known(url: str, open_page: OpenPage) -> None:
    card = Card(open_page(url))
    card.root.get_by_label("Endpoint").select_option("größe ändern")
    kind = card.root.get_by_label("Authenticate with")
    assert kind.locator("option").first.inner_text() == "No login"
    assert card.root.get_by_text("The endpoint asks nobody who they are.").is_visible()
    assert card.root.locator("summary").filter(has_text="No login").is_visible()


def test_what_is_to_be_filled_in_is_unfolded(url: str, open_page: OpenPage) -> None:
    page = open_page(f"{url}?endpoint=PlainConsumer")
    Card(page).root.locator("summary").filter(has_text="Settings").click()
    page.reload()
    assert not Card(page).root.get_by_label("Endpoint").is_visible()
    page.goto(f"{url}?endpoint=drawing+by+name")
    assert Card(page).root.get_by_label("name", exact=True).is_visible()


def test_large_numbers_in_examples_are_not_rounded(url: str, open_page: OpenPage) -> None:
    page = open_page(url)

    def enlarge(route: Any) -> None:
        response = route.fetch()
        small = '{"action": "erase", "payload": 3}'
        assert small in response.text()
        route.fulfill(
            response=response, body=response.text().replace(small, small.replace("3", "9" * 18))
        )

    page.route("**/websocket/**", enlarge)
    page.goto(f"{url}?endpoint=drawing+by+name")
    card = Card(page)
    card.root.get_by_label("Message", exact=True).select_option("EraseMessage")
    assert card.root.get_by_label("payload", exact=True).input_value() == "9" * 18


def mark_label_text_secret(route: Any) -> None:
    """Serve the page as if a field of a message were a SecretStr."""
    response = route.fetch()
    plain = '"label_text": {"type": "string"}'
    secret = plain.replace('"string"', '"string", "format": "password", "writeOnly": true')
    assert plain in response.text()
    route.fulfill(response=response, body=response.text().replace(plain, secret))


def open_secret(url: str, open_page: OpenPage) -> tuple[Card, Any]:
    """Return a card with a secret field, before a server that sends all back; and the field."""
    page = open_page(url)
    page.route("**/websocket/**", mark_label_text_secret)
    page.route_web_socket("**", lambda socket: socket.on_message(socket.send))
    page.goto(url + BY_NAME)
    card = Card(page)
    return card, card.root.get_by_label("label_text", exact=True)


def test_what_a_schema_calls_secret_is_neither_kept_nor_logged(
    url: str, open_page: OpenPage
) -> None:
    card, field = open_secret(url, open_page)
    page = card.root.page
    assert field.get_attribute("type") == "password"
    field.fill("of-mine-0123")
    card.root.get_by_text("kept without its secrets").wait_for()
    page.evaluate(SAVE)
    stored = "JSON.stringify([{...localStorage}, {...sessionStorage}])"
    assert "of-mine-0123" not in page.evaluate(stored)
    card.click("Connect")
    card.click("Send")
    card.wait_for_frame("sent", "•••")
    card.wait_for_frame("received", "•••")
    assert "of-mine-0123" not in card.root.locator(".frames").inner_text()
    page.evaluate(SAVE)
    assert "of-mine-0123" not in page.evaluate(stored)
    assert "label_text" in page.evaluate(stored)  # the rest of the draft is kept


def test_example_of_a_secret_is_none_and_a_short_one_is_masked_in_its_place(
    url: str, open_page: OpenPage
) -> None:
    card, field = open_secret(url, open_page)
    example = field.input_value()
    card.click("Connect")
    card.click("Send")
    card.wait_for_frame("sent", "•••")
    card.wait_for_frame("received", example)
    field.fill("1234")
    card.click("Send")
    card.wait_for_frame("received", "1234")
    assert "1234" not in card.root.locator(".frame.sent").last.inner_text()
