"""``python -m tests.examples.screenshots FOLDER``: pictures of the pages, with the example chat.

The pages are looked for as the tests of the playground do.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.browser import run_browser
from tests.examples.demo import GENERAL, Demo
from tests.playground.conftest import PATH, Card

REFERENCE = "/chanx/"
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def show_two_connections(page: Any, demo: Demo) -> None:
    """Have two people in one room, who hear each other."""
    page.goto(demo.url + PATH)
    alice, bob = Card(page, 1), Card(page, 2)
    alice.connect(GENERAL)
    alice.wait_for_status("Connected")
    page.get_by_role("button", name="Add connection").click()
    bob.use_token(demo.get_token("bob"))
    bob.click("Connect")
    bob.wait_for_status("Connected")
    alice.root.get_by_label("Message", exact=True).select_option("ChatMessage")
    alice.root.get_by_label("text", exact=True).fill("Does it work?")
    alice.click("Send")
    bob.wait_for_frame("received", "Does it work?").locator("summary").click()
    bob.say("It does.")
    alice.wait_for_frame("received", "It does.")
    page.evaluate("scrollTo(0, 0)")


def take(browser: Any, demo: Demo, folder: Path) -> None:
    for scheme in ("light", "dark"):
        for name, size in (("wide", WIDE), ("narrow", NARROW)):
            context = browser.new_context(color_scheme=scheme, viewport=size)
            page = context.new_page()
            demo.log_in(page, "alice")
            page.goto(demo.url + REFERENCE)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=folder / f"reference-{scheme}-{name}.png")
            show_two_connections(page, demo)
            page.screenshot(path=folder / f"playground-{scheme}-{name}.png")
            context.close()


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary, run_browser() as browser:
        demo = Demo(Path(temporary))
        demo.start()
        try:
            take(browser, demo, folder)
        finally:
            demo.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
