"""What both pages share, in a browser."""

from typing import Any

import pytest

from tests.browser import find_barriers
from tests.live.processes import Server

pytestmark = [pytest.mark.browser, pytest.mark.live]

PATHS = ["/chanx/", "/chanx/playground/websocket/"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_stands_in_anybodys_way(
    browser: Any, page_site: Server, path: str, scheme: str, width: int
) -> None:
    page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 844})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text))
    page.goto(f"http://127.0.0.1:{page_site.port}{path}")
    page.wait_for_load_state("networkidle")
    assert find_barriers(page) == []
    # Nothing is wider than the window.
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert problems == []
    page.close()
