"""A headless Chromium, and looking at the accessibility of what it shows."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.node_tools import get_folder

__all__ = ["find_barriers", "run_browser"]

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def run_browser() -> Iterator[Any]:
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
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


def find_barriers(page: Any) -> list[str]:
    """Return what axe-core says of a page that is serious or critical, each with its element.

    The rules are those of WCAG 2.2, levels A and AA, and axe-core's best practices.
    """
    script = get_folder() / "node_modules" / "axe-core" / "axe.min.js"
    # Not as an element, which the page's own policy would refuse.
    page.evaluate(script.read_text("utf-8"))
    result = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']} ({each['impact']}): {each['help']}: {json.dumps(node['html'])}"
        for each in result["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
