"""The page in a browser: what its scripts add, and that it serves without them."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import find_barriers, stop_clock
from tests.live.processes import Server

pytestmark = [pytest.mark.browser, pytest.mark.live]


@pytest.fixture
def page(browser: Any, page_site: Server) -> Iterator[Any]:
    """The page, without a fault."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text))
    page.goto(get_url(page_site))
    yield page
    page.close()
    assert problems == []


def get_url(site: Server) -> str:
    return f"http://127.0.0.1:{site.port}/chanx/"


def search(page: Any, text: str) -> str:
    """Search, and return what is announced."""
    page.fill("#search", text)
    page.wait_for_selector("#announcer:not(:empty)", state="attached")
    return str(page.text_content("#announcer"))


def list_shown(page: Any, selector: str) -> list[str]:
    return [each.strip() for each in page.locator(f"{selector}:visible").all_text_contents()]


def test_search_finds_names_paths_actions_and_fields(page: Any) -> None:
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    for text, chapters in [
        ("größe ÄNDERN", ["größe ändern"]),
        ("ws/codes", ["OldConsumer_ws_codes_code_arg1_arg2"]),
        ("group_complete", ["Standard messages"]),
        ("radius_in_mm", None),
    ]:
        page.evaluate("document.getElementById('announcer').textContent = ''")
        said = search(page, text)
        assert said == page.text_content("#search-count")
        if chapters is not None:
            assert list_shown(page, ".chapter h2") == chapters
    # A field deep within a message: its message is there, and open so far that it is seen.
    assert {"draw", "drawn"} == set(list_shown(page, ".action"))
    assert page.locator("code:visible", has_text="radius_in_mm").count() > 0
    assert page.evaluate("CSS.highlights.get('found').size") > 0
    assert find_barriers(page) == []


def test_search_that_is_over_leaves_the_page_as_it_was(page: Any) -> None:
    read = "[...document.querySelectorAll('details')].map((each) => each.open).join()"
    before, chapters = page.evaluate(read), list_shown(page, "h2")
    search(page, "label_text")
    assert page.evaluate(read) != before
    page.focus("#search")
    page.keyboard.press("Escape")
    assert page.input_value("#search") == ""
    assert page.evaluate(read) == before
    assert list_shown(page, "h2") == chapters
    assert page.text_content("#search-count") == ""


def test_search_on_a_phone_goes_along_and_keeps_the_place(browser: Any, page_site: Server) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(get_url(page_site))
    page.wait_for_selector("#search")
    page.evaluate("scrollTo({ top: 2500 })")
    assert page.locator("#search").bounding_box()["y"] < 100
    assert page.locator(".top").bounding_box()["y"] < -1000
    search(page, "drawn_at")
    assert page.evaluate("scrollY") == 0
    # No heading without a message below it.
    shown = page.locator("[data-group]:visible h3:not(.prose h3, .visually-hidden):visible")
    for index in range(shown.count()):
        heading = shown.nth(index)
        items = heading.locator("xpath=following-sibling::*").and_(page.locator(":visible"))
        assert items.first.evaluate("(each) => each.matches('[data-item]')")
    page.keyboard.press("Escape")
    assert page.evaluate("scrollY") == 2500
    page.close()


def test_search_without_a_match_says_so(page: Any) -> None:
    assert search(page, "zebra") == "Nothing found"
    assert page.is_visible("#nothing-found")
    assert list_shown(page, ".chapter h2") == []


def test_what_is_searched_for_is_text(page: Any) -> None:
    assert "1 section" in search(page, '<script>alert("docs")</script> number')
    assert list_shown(page, ".chapter h2") == ["DrawingConsumer"]


def test_all_unfolds_and_folds(page: Any) -> None:
    folds = page.locator("main .message details, main .schema details")
    count = folds.count()
    opened = page.locator("main .message details[open], main .schema details[open]")
    page.get_by_role("button", name="Unfold all").click()
    assert opened.count() == count
    assert find_barriers(page) == []
    page.get_by_role("button", name="Fold all", exact=True).click()
    assert opened.count() == 0


def test_link_opens_what_it_leads_to(page: Any, page_site: Server) -> None:
    fold = page.locator("#message-receive-error > details")
    assert fold.get_attribute("open") is None
    page.goto(f"{get_url(page_site)}#message-receive-error")
    page.wait_for_selector("#message-receive-error > details[open]")
    search(page, "größe ändern")
    page.evaluate("location.hash = '#message-send-authenticate'")
    page.wait_for_selector("#message-send-authenticate > details[open]:visible")
    assert page.input_value("#search") == ""


def test_code_is_copied_as_it_stands(browser: Any, page_site: Server) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(get_url(page_site))
    stop_clock(page)
    page.locator(".snippets .code-block button").first.click()
    page.wait_for_selector(".snippets button:text('Copied')")
    text = page.evaluate("navigator.clipboard.readText()")
    assert text == page.locator(".snippets pre").first.text_content()
    assert text.startswith("// In the address, put in your own: number, key\nconst url = ")
    page.locator(".address button").first.click()
    page.wait_for_selector(".address button:text('Copied')")
    assert page.evaluate("navigator.clipboard.readText()").endswith("/ws/drawings/{number}/{key}/")
    context.close()


def test_copy_buttons_have_names_and_stay_as_wide(browser: Any, page_site: Server) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(get_url(page_site))
    stop_clock(page)
    chapter = page.locator("#endpoint-DrawingConsumer")
    names = chapter.locator("button").evaluate_all("(all) => all.map((each) => each.ariaLabel)")
    assert "Copy: JavaScript, Session" in names
    assert "Copy: address of DrawingConsumer" in names
    assert len(names) == len(set(names))
    button = chapter.locator(".address button")  # not by its name, which changes
    assert button.get_attribute("aria-label") == "Copy: address of DrawingConsumer"
    before = button.bounding_box()
    button.click()
    chapter.locator(".address button:text('Copied')").wait_for()
    assert button.get_attribute("aria-label") == "Copied: address of DrawingConsumer"
    assert button.bounding_box() == before
    context.close()


def test_colours_change_no_text(page: Any) -> None:
    blocks = page.locator("pre[data-language]")
    page.wait_for_selector("pre[data-language] span.string")
    for index in range(blocks.count()):
        assert blocks.nth(index).locator("code").text_content()
    first = blocks.first.text_content()
    assert "new WebSocket(url, [" in first


def test_it_serves_without_scripts(browser: Any, page_site: Server) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(get_url(page_site))
    assert page.is_visible("text=DrawingConsumer >> nth=0")
    assert not page.is_visible("#search")
    assert not page.is_visible("text=Unfold all")
    summary = page.locator("#message-receive-error summary")
    summary.click()
    assert page.is_visible("#message-receive-error .key >> nth=0")
    context.close()


def test_contents_fold_on_a_narrow_screen(browser: Any, page_site: Server) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(get_url(page_site))
    page.wait_for_selector(".contents:not([open])")
    page.locator(".contents > summary").click()
    page.locator(".contents a", has_text="PlainConsumer").click()
    page.wait_for_selector(".contents:not([open])")
    assert page.evaluate("location.hash") == "#endpoint-PlainConsumer"
    page.set_viewport_size({"width": 1280, "height": 844})
    page.wait_for_selector(".contents[open]")
    page.close()


def test_chapter_that_is_read_is_marked(page: Any) -> None:
    page.wait_for_selector(".links a[aria-current]")
    page.evaluate("location.hash = '#endpoint-PlainConsumer'")
    page.wait_for_selector(".links a[href$=DrawingConsumer]:not([aria-current])")
    assert page.locator(".links a[aria-current]").count() == 1


def test_everything_is_on_paper(page: Any) -> None:
    page.get_by_role("button", name="Fold all", exact=True).click()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator("main .message details:not([open])").count() == 0
    assert not page.is_visible(".side")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert page.locator("main .message details[open]").count() == 0


def test_address_with_a_broken_fragment_does_no_harm(page: Any, page_site: Server) -> None:
    page.goto("about:blank")
    page.goto(f"{get_url(page_site)}#100%")
    search(page, "radius_in_mm")
    assert {"draw", "drawn"} == set(list_shown(page, ".action"))


def test_list_of_contents_shows_the_messages_of_the_chapter(page: Any) -> None:
    page.set_viewport_size({"width": 1280, "height": 420})
    page.evaluate("location.hash = '#endpoint-OldConsumer_ws_codes_code_arg1_arg2'")
    page.wait_for_selector(".links a[href*=codes][aria-current] + .sub a")
    last = page.locator(".links .sub a").last
    view, item = page.locator(".contents").bounding_box(), last.bounding_box()
    assert view["y"] <= item["y"]
    assert item["y"] + item["height"] <= view["y"] + view["height"]
    assert page.get_by_role("region").count() == 3  # an endpoint is a heading, and no landmark


def test_text_from_right_to_left_ends_at_its_end(page: Any) -> None:
    left = """(each) => {
        each.textContent = "قناة الرسم.";
        const range = new Range();
        range.setStart(each.firstChild, 10);
        range.setEnd(each.firstChild, 11);
        const stop = range.getBoundingClientRect();
        range.setStart(each.firstChild, 0);
        return stop.right <= range.getBoundingClientRect().left + stop.width + 1;
    }"""
    assert page.locator(".lead").first.evaluate(left)
    assert page.locator(".chapter h2").first.evaluate(left)


def test_fingers_find_what_they_press(browser: Any, page_site: Server) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.goto(get_url(page_site))
    page.get_by_role("button", name="Unfold all").click()
    targets = ".top nav a, summary:not(.note *), .standard a, .search input, main button"
    heights = page.locator(f":is({targets}):visible").evaluate_all(
        "(all) => all.map((each) => [each.getBoundingClientRect().height, each.outerHTML])"
    )
    assert len(heights) > 20
    assert [html for height, html in heights if height < 44] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


def test_nothing_covers_a_page_that_is_magnified(browser: Any, page_site: Server) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 225})  # 1440 by 900 at 400 %
    for place in ("", "playground/websocket/"):
        page.goto(get_url(page_site) + place)
        page.evaluate("scrollTo({ top: 500 })")
        found = page.evaluate("document.elementFromPoint(20, 5).closest('main') !== null")
        assert found
    page.close()


FRAME = """(each) => {
    const { outlineStyle, borderColor } = getComputedStyle(each);
    return [outlineStyle, borderColor];
}"""


def test_choices_and_edges_show_where_colours_are_the_reader_s(
    browser: Any, page_site: Server
) -> None:
    url = f"{get_url(page_site)}playground/websocket/?endpoint=drawing+by+name"
    page = browser.new_page(forced_colors="active")
    page.goto(url)
    page.wait_for_selector(".segments")
    for chosen, other in [
        (".top nav a[aria-current]", ".top nav a:not([aria-current])"),
        (".segments input:checked + span", ".segments input:not(:checked) + span"),
    ]:
        assert page.locator(chosen).first.evaluate(FRAME)[0] == "solid"
        assert page.locator(other).first.evaluate(FRAME)[0] == "none"
    page.close()
    page = browser.new_page(contrast="more")
    page.goto(url)
    quiet = page.locator(".log-tools button").first
    quiet.wait_for()
    assert "rgba(0, 0, 0, 0)" not in quiet.evaluate(FRAME)[1]
    page.emulate_media(contrast="no-preference")
    edge = page.locator(".settings input[type=text], .settings input:not([type])").first
    # The first field of a link to an endpoint has the focus, and a frame for that.
    assert page.locator(".log-filters select").first.evaluate(FRAME)[1] == edge.evaluate(FRAME)[1]
    page.close()
