"""The examples run: as the site that they are, in processes of their own."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import EXAMPLES, ROOT, get_example
from tests.live.processes import Server, start_uvicorn

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

MAKE_SESSION = """
from django.contrib.auth.models import User
from django.test import Client
client = Client()
client.force_login(User.objects.create_user("alice"))
print(client.cookies["sessionid"].value)
"""


def get_environment(**extra: str) -> dict[str, str]:
    # pytest-django has put the suite's settings there; the site names its own.
    environment = {**os.environ, "DOCS_DATABASE": ":memory:"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    return environment | extra


def run(*arguments: str, **environment: str) -> str:
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=EXAMPLES,
        env=get_environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def add_to_path(folder: Path) -> str:
    return os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))


def test_checks_find_nothing() -> None:
    run("manage.py", "check", "--fail-level", "DEBUG")


def test_tests_pass_under_manage_py() -> None:
    output = run("manage.py", "test", "--buffer")
    assert re.search(r"^Ran \d+ tests", output, re.MULTILINE), output


def test_tests_pass_under_pytest() -> None:
    output = run("-W", "error", "-m", "pytest", "-p", "no:cacheprovider")
    assert re.search(r"^=+ \d+ passed in", output, re.MULTILINE), output


def test_the_site_answers_as_the_pages_say() -> None:
    folder = ROOT / "tests" / "docs" / "site"
    options = ["-p", "no:cacheprovider", "-c", "pytest.ini", f"--confcutdir={folder}"]
    output = run("-m", "pytest", *options, str(folder), PYTHONPATH=add_to_path(ROOT))
    assert re.search(r"^=+ \d+ passed in", output, re.MULTILINE), output


def test_test_tools_need_no_daphne() -> None:
    block = "import sys; sys.modules['daphne'] = None"
    code = f"{block}; import django; django.setup(); import chanx.testing"
    run("-c", code, DJANGO_SETTINGS_MODULE="mysite.settings")


@dataclass
class Live:
    """The site on a real server, with somebody in its database."""

    server: Server
    session: str


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    database = tmp_path_factory.mktemp("docs") / "db.sqlite3"
    environment = get_environment(
        DOCS_DATABASE=str(database),
        DOCS_HEARTBEAT="0.1",
        DJANGO_SETTINGS_MODULE="mysite.settings",
        PYTHONPATH=add_to_path(EXAMPLES),
    )
    run("manage.py", "migrate", "--run-syncdb", "--verbosity", "0", **environment)
    session = run("manage.py", "shell", "--command", MAKE_SESSION, **environment).split()[-1]
    with start_uvicorn("mysite.asgi:application", cwd=EXAMPLES, environment=environment) as server:
        yield Live(server, session)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("There is no Chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.live
@pytest.mark.browser
@pytest.mark.parametrize(
    ("is_logged_in", "expected"),
    [(True, "said {author: alice, text: Hello}"), (False, "closed 4403")],
)
def test_client_of_the_first_example(
    browser: Any, live: Live, is_logged_in: bool, expected: str
) -> None:
    url = live.server.url.replace("ws://", "http://")
    context = browser.new_context()
    if is_logged_in:
        context.add_cookies([{"name": "sessionid", "value": live.session, "url": url}])
    page = context.new_page()
    page.goto(url)  # there is no page, and an error page of the site will do
    with page.expect_console_message(lambda message: message.text == expected):
        page.add_script_tag(content=get_example("lobby/client.js"))
    context.close()


@pytest.mark.live
@pytest.mark.browser
def test_client_that_answers_pings(browser: Any, live: Live) -> None:
    url = live.server.url.replace("ws://", "http://")
    context = browser.new_context()
    context.add_cookies([{"name": "sessionid", "value": live.session, "url": url}])
    page = context.new_page()
    page.goto(url)
    pings = []

    def count(message: Any) -> bool:
        pings.append(message.text)
        return pings.count("ping") == 5

    with page.expect_console_message(count):
        page.add_script_tag(content=get_example("lobby/heartbeat.js"))
    context.close()


@pytest.mark.live
def test_tokens_show_in_the_access_log(live: Live) -> None:
    """The pages warn of it."""
    connect = pytest.importorskip("websockets.sync.client").connect
    with connect(f"{live.server.url}/ws/feed/?token=secret", origin="http://localhost") as client:
        assert "401" in client.recv()
    live.server.wait_for(r"/ws/feed/\?token=secret")


@pytest.mark.live
@pytest.mark.parametrize("origin", [None, "https://elsewhere.example"])
def test_foreign_pages_are_refused(live: Live, origin: str | None) -> None:
    client = pytest.importorskip("websockets.sync.client")
    exceptions = pytest.importorskip("websockets.exceptions")
    with pytest.raises(exceptions.InvalidStatus) as caught:
        client.connect(f"{live.server.url}/ws/lobby/", origin=origin)
    assert caught.value.response.status_code == 403
