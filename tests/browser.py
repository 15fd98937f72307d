"""A headless Chromium, and looking at the accessibility of what it shows."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from tests.live.processes import DEADLINE
from tests.node_tools import get_folder

__all__ = ["Browser", "find_barriers", "run_browser", "stop_clock"]

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE: Final = DEADLINE * 1_000


class Browser:
    """A browser on whose pages everything is waited for until the deadline of all tests."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser

    def new_context(self, **options: Any) -> Any:
        """Return a new profile."""
        context = self._browser.new_context(**options)
        context.set_default_timeout(_PATIENCE)
        return context

    def new_page(self, **options: Any) -> Any:
        """Return a page in a profile of its own, which is closed with it."""
        page = self._browser.new_page(**options)
        page.context.set_default_timeout(_PATIENCE)
        return page


@contextmanager
def run_browser() -> Iterator[Browser]:
    """Run the Chromium that CHROMIUM names or PATH has.

    Without one tests are skipped, or fail where REQUIRE_BROWSER is set.
    """
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        reason = "There is no Chromium: install one, or name it in CHROMIUM"
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail(f"REQUIRE_BROWSER is set. {reason}")
        pytest.skip(reason)
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=found, args=["--no-sandbox"], timeout=_PATIENCE
        )
        yield Browser(browser)
        browser.close()


def stop_clock(page: Any) -> None:
    """Have timers and pictures that a script asks for wait for ``page.clock.run_for``.

    What a page shows for a moment stays until then, however late a test looks. What is due within
    an hour is done at once.
    """
    page.clock.install()
    # It leads ahead alone, and the page's time has gone on since it was told.
    page.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))


def find_barriers(page: Any) -> list[str]:
    """Return what axe-core says of a page that is serious or critical, each with its element.

    The rules are those of WCAG 2.2, levels A and AA, and axe-core's best practices.
    """
    script = get_folder() / "node_modules" / "axe-core" / "axe.min.js"
    # Not as an element, which the page's own policy would refuse.
    page.evaluate(script.read_text("utf-8"))
    # Colours on their way are neither those before nor those after.
    page.evaluate("document.getAnimations().forEach((each) => each.finish())")
    result = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']} ({each['impact']}): {each['help']}: {json.dumps(node['html'])}"
        for each in result["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
