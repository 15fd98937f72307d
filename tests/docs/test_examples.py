"""The examples run: as the site that they are, in processes of their own."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.docs.pages import EXAMPLES, ROOT, get_example, get_fences
from tests.live.processes import Server, start_uvicorn
from tests.python import add_to_path

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

PREPARE = """
from datetime import timedelta
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.authtoken.models import Token
from rest_framework_simplejwt.tokens import RefreshToken
from tickets.models import Ticket
alice = User.objects.create_user("alice")
Ticket.objects.create(pk=1, title="The printer is on fire").assignees.add(alice)
client = Client()
client.force_login(alice)
print(client.cookies["sessionid"].value)
print(Token.objects.create(user=alice).key)
refresh = RefreshToken.for_user(alice)
print(refresh)
access = refresh.access_token
access.set_exp(lifetime=timedelta(hours=1))  # the tests before may take their time
print(access)
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


def test_checks_find_nothing() -> None:
    run("manage.py", "check", "--fail-level", "DEBUG")


def test_tests_pass_under_manage_py() -> None:
    arguments = ["-m", "tests.patience", "manage.py", "test", "--buffer"]
    output = run(*arguments, PYTHONPATH=add_to_path(ROOT))
    assert re.search(r"^Ran \d+ tests", output, re.MULTILINE), output


def test_tests_pass_under_pytest() -> None:
    options = ["-p", "no:cacheprovider", "-p", "tests.patience"]
    output = run("-W", "error", "-m", "pytest", *options, PYTHONPATH=add_to_path(ROOT))
    assert re.search(r"^=+ \d+ passed in", output, re.MULTILINE), output


def test_the_site_answers_as_the_pages_say() -> None:
    folder = ROOT / "tests" / "docs" / "site"
    options = ["-p", "no:cacheprovider", "-p", "tests.patience"]
    options += ["-c", "pytest.ini", f"--confcutdir={folder}"]
    output = run("-m", "pytest", *options, str(folder), PYTHONPATH=add_to_path(ROOT))
    assert re.search(r"^=+ \d+ passed in", output, re.MULTILINE), output


def test_the_document_is_as_the_page_says() -> None:
    document = json.loads(run("manage.py", "asyncapi"))
    assert document["info"] == {
        "title": "Tickets",
        "version": "2.1.0",
        "description": "What the help desk works with.",
        "tags": [{"name": "desk"}],
        "contact": {"name": "The help desk", "email": "desk@example.com"},
    }
    assert document["servers"]["production"] == {"host": "tickets.example.com", "protocol": "wss"}
    desk = document["channels"]["DeskConsumer"]
    assert desk["summary"] == "The tickets that are open."
    assert desk["bindings"]["ws"]["query"]["properties"]["after"]["minimum"] == 0
    [example] = document["components"]["messages"]["TicketMessage"]["examples"]
    assert example["payload"]["payload"] == {"number": 17, "title": "The printer is on fire"}


def test_test_tools_need_no_daphne() -> None:
    block = "import sys; sys.modules['daphne'] = None"
    code = f"{block}; import django; django.setup(); import chanx.testing"
    run("-c", code, DJANGO_SETTINGS_MODULE="mysite.settings")


@dataclass
class Live:
    """The site on a real server, with somebody in its database."""

    server: Server
    session: str
    token: str
    refresh: str
    access: str

    @property
    def url(self) -> str:
        """Of its pages."""
        return self.server.url.replace("ws://", "http://")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    database = tmp_path_factory.mktemp("docs") / "db.sqlite3"
    environment = get_environment(
        DOCS_DATABASE=str(database),
        DOCS_HEARTBEAT="4",  # the time that a browser has to answer, which may be a busy one
        DOCS_TOKEN_SECONDS="32",  # a fresh one is sent half a minute before the end
        DJANGO_SETTINGS_MODULE="mysite.settings",
        PYTHONPATH=add_to_path(EXAMPLES),
    )
    run("manage.py", "migrate", "--run-syncdb", "--verbosity", "0", **environment)
    secrets = run("manage.py", "shell", "--command", PREPARE, **environment).split()[-4:]
    with start_uvicorn("mysite.asgi:application", cwd=EXAMPLES, environment=environment) as server:
        yield Live(server, *secrets)


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
    url = live.url
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
    url = live.url
    context = browser.new_context()
    context.add_cookies([{"name": "sessionid", "value": live.session, "url": url}])
    page = context.new_page()
    page.goto(url)
    told = []

    def is_alive(message: Any) -> bool:
        told.append(message.text)
        return told.count("ping") == 2  # who does not answer is closed after the first

    with page.expect_console_message(is_alive):
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
@pytest.mark.browser
def test_client_with_a_token_that_is_renewed(browser: Any, live: Live) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(live.url)
    page.evaluate("token => sessionStorage.setItem('refresh', token)", live.refresh)
    told = []

    def is_renewed(message: Any) -> bool:
        told.append(message.text)
        return told.count("authentication 200") == 2

    with page.expect_console_message(is_renewed):
        page.add_script_tag(content=get_example("notifications/browser.js"), type="module")
    context.close()


@pytest.mark.live
@pytest.mark.browser
@pytest.mark.parametrize("is_right", [True, False])
def test_client_that_sends_its_token_first(browser: Any, live: Live, is_right: bool) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(live.url)
    page.add_script_tag(content=get_example("notifications/app.js"))
    arguments = [f"{live.server.url}/ws/notifications/", live.access if is_right else "wrong"]
    expected = "authentication 200" if is_right else "closed 4401"
    with page.expect_console_message(lambda message: message.text == expected):
        page.evaluate("([url, token]) => { open(url, token); }", arguments)
    context.close()


@pytest.mark.live
@pytest.mark.parametrize("is_right", [True, False])
def test_program_with_a_token(live: Live, is_right: bool) -> None:
    pytest.importorskip("websockets")
    with subprocess.Popen(
        [sys.executable, str(EXAMPLES / "tickets/program.py"), f"{live.server.url}/ws/tickets/1/"],
        env={**os.environ, "TOKEN": live.token if is_right else "wrong"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout
        line = program.stdout.readline()
        if is_right:
            program.kill()
            assert line.startswith("authentication {'status_code': 200,")
        else:
            _, errors = program.communicate()
            assert line.startswith("authentication {'status_code': 401,")
            assert "4401" in errors


@pytest.mark.live
def test_foreign_pages_are_refused(live: Live) -> None:
    client = pytest.importorskip("websockets.sync.client")
    exceptions = pytest.importorskip("websockets.exceptions")
    with pytest.raises(exceptions.InvalidStatus) as caught:
        client.connect(f"{live.server.url}/ws/lobby/", origin="https://elsewhere.example")
    assert caught.value.response.status_code == 403
    assert json.loads(caught.value.response.body) == {"detail": "Origin not allowed"}
    live.server.wait_for(r"https://elsewhere\.example.*Refused a connection")


@pytest.mark.live
def test_refusal_before_accepting(live: Live) -> None:
    client = pytest.importorskip("websockets.sync.client")
    exceptions = pytest.importorskip("websockets.exceptions")
    with pytest.raises(exceptions.InvalidStatus) as caught:
        client.connect(f"{live.server.url}/ws/early/")
    response = caught.value.response
    [fence] = [fence for fence in get_fences() if "HTTP/1.1 401" in fence.text]
    head, _, body = fence.text.strip().partition("\n\n")
    first, *headers = head.splitlines()
    assert first == f"HTTP/1.1 {response.status_code} {response.reason_phrase}"
    for header in headers:
        name, _, value = header.partition(": ")
        assert response.headers[name] == value
    assert response.body.decode() == body
